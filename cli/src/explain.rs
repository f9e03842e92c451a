//! `todoapp explain`: the last decisions on an app, from the operator that leads.
//!
//! Lease → name of the leader's pod → `/debug/decisions` on its admin port, through the API server's pod proxy: whoever
//! may use kubectl needs no other way into the cluster.

mod table;

use std::io::Write;

use http::Method;
use kube::Client;
use serde::Deserialize;
use serde_json::Value;

use crate::args::{Explain, Output};
use crate::leader::{self, Question};
use crate::session::{Session, bounded};
use crate::{Error, proxy};

/// Path on the operator's admin port.
const PATH: &str = "/debug/decisions";

/// What the operator says, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Told {
    app: String,
    namespace: String,
    revisions: Vec<Revision>,
}

#[derive(Debug, Deserialize)]
struct Revision {
    name: String,
    /// The newest is the last.
    decisions: Vec<Decision>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    time: jiff::Timestamp,
    for_seconds: f64,
    times: u32,
    reason: String,
    text: String,
}

/// Asks the operator that leads and prints what it says.
pub(crate) async fn run(session: &Session, args: &Explain, out: &mut impl Write) -> Result<(), Error> {
    let told = bounded(decisions(&session.client, args)).await?;
    match args.output {
        Output::Json => writeln!(out, "{told:#}")?,
        Output::Text => {
            let told = serde_json::from_value(told);
            let told =
                told.map_err(|error| Error::Failed(format!("the operator says what is not known here: {error}")))?;
            write!(out, "{}", table::render(&told))?;
        }
    }
    Ok(())
}

/// What the leader says: the newest decisions of each revision, as many as `args` asks for.
pub async fn decisions(client: &Client, args: &Explain) -> Result<Value, Error> {
    let namespace = args.target.namespace.as_deref().unwrap_or(client.default_namespace());
    let pod = leader::find(client, &args.system_namespace).await?;
    let question = Question { namespace, app: &args.app, revision: args.revision.as_deref() };
    let mut told = proxy::ask(client, &args.system_namespace, &pod, Method::GET, &question.path(PATH)).await?;
    for revision in told["revisions"].as_array_mut().into_iter().flatten() {
        if let Some(decisions) = revision["decisions"].as_array_mut() {
            let surplus = decisions.len().saturating_sub(args.last as usize);
            decisions.drain(..surplus);
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests;
