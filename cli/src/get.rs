//! `todoapp get`: apps with their revisions and pods, as a tree.
//!
//! ```text
//! TodoApps, Revisions, Pods → model.rs (what belongs to what) → tree.rs (text), or JSON
//! ```

mod follow;
mod model;
mod tree;

use std::io::{IsTerminal, Write};

use api::{Revision, TodoApp, labels};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::args::{Get, Output};
use crate::session::{Session, bounded};
use crate::{Error, objects};
use model::Node;

/// Prints the apps that are meant, once or at each change.
pub async fn run(session: &Session, args: &Get, out: &mut impl Write) -> Result<(), Error> {
    if args.watch {
        return follow::run(session, args, std::io::stdout().is_terminal(), out).await;
    }
    let nodes = bounded(look(session, args)).await?;
    Ok(out.write_all(page(&nodes, args, Timestamp::now()).as_bytes())?)
}

async fn look(session: &Session, args: &Get) -> Result<Vec<Node>, Error> {
    let namespace = namespace(session, args);
    let apps = match &args.app {
        Some(name) => vec![objects::app(session, name).await?],
        None => objects::list::<TodoApp>(&session.client, namespace, "").await?,
    };
    let selector = selector(args);
    let revisions = objects::list::<Revision>(&session.client, namespace, &selector).await?;
    let pods = objects::list::<Pod>(&session.client, namespace, &selector).await?;
    Ok(model::nodes(apps, revisions, pods))
}

/// None is all of them.
fn namespace<'a>(session: &'a Session, args: &Get) -> Option<&'a str> {
    (!args.all_namespaces).then_some(session.namespace.as_str())
}

/// Of revisions and pods that belong to what is meant.
fn selector(args: &Get) -> String {
    args.app.as_ref().map_or_else(|| labels::APP.to_owned(), |app| format!("{}={app}", labels::APP))
}

fn page(nodes: &[Node], args: &Get, now: Timestamp) -> String {
    match args.output {
        Output::Json => format!("{:#}\n", json!({ "apps": nodes })),
        Output::Text => tree::render(nodes, args.all_namespaces, now),
    }
}

#[cfg(test)]
mod tests;
