//! `todoapp wake`: an app is woken without a request, by the operator that leads.
//!
//! One wake is as one request: the app sleeps again after its window and grace.

use std::io::Write;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::args::{Output, Wake};
use crate::leader::{self, Question};
use crate::session::{Session, bounded};
use crate::{Error, proxy};

/// Path on the operator's admin port.
const PATH: &str = "/wake";

/// What the operator says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Woken {
    app: String,
    namespace: String,
    revisions: Vec<Revision>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Revision {
    name: String,
    /// Pods wanted now.
    desired: u32,
}

/// Asks for the wake and tells what is wanted now.
pub async fn run(session: &Session, args: &Wake, out: &mut impl Write) -> Result<(), Error> {
    let woken = bounded(wake(session, args)).await?;
    match args.output {
        Output::Json => writeln!(out, "{:#}", serde_json::json!(woken))?,
        Output::Text => write!(out, "{}", render(&woken))?,
    }
    Ok(())
}

async fn wake(session: &Session, args: &Wake) -> Result<Woken, Error> {
    let question = Question { namespace: &session.namespace, app: &args.app, revision: args.revision.as_deref() };
    let pod = leader::find(&session.client, &args.system_namespace).await?;
    let told = proxy::ask(&session.client, &args.system_namespace, &pod, Method::POST, &question.path(PATH)).await?;
    serde_json::from_value(told)
        .map_err(|error| Error::Failed(format!("the operator says what is not known here: {error}")))
}

fn render(woken: &Woken) -> String {
    let line = |revision: &Revision| match revision.desired {
        0 => format!(
            "{}: no pod is asked for: its last start failed, `todoapp explain {}` says for how long\n",
            revision.name, woken.app
        ),
        1 => format!("{}: 1 pod is wanted\n", revision.name),
        desired => format!("{}: {desired} pods are wanted\n", revision.name),
    };
    woken.revisions.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
