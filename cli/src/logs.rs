//! `todoapp logs`: what the pods of an app print, each line after its pod's name.

mod choose;
mod follow;
mod lines;
mod source;

use std::io::Write;

use api::labels;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, LogParams};

use crate::args::Logs;
use crate::session::{Session, bounded};
use crate::{Error, objects, pods};
use source::pieces;

/// Prints what is there, or stays and prints what comes.
pub async fn run(session: &Session, args: &Logs, out: &mut impl Write) -> Result<(), Error> {
    bounded(known(session, args)).await?;
    if args.follow { follow::run(session, args, out).await } else { print(session, args, out).await }
}

/// Whether there is what is meant.
async fn known(session: &Session, args: &Logs) -> Result<(), Error> {
    objects::app(session, &args.app).await?;
    if let Some(revision) = &args.revision {
        objects::named(&objects::revisions(session, &args.app).await?, &args.app, revision)?;
    }
    Ok(())
}

/// Of the pods that are meant.
fn selector(args: &Logs) -> String {
    let app = format!("{}={}", labels::APP, args.app);
    args.revision.iter().fold(app, |app, revision| format!("{app},{}={revision}", labels::REVISION))
}

async fn print(session: &Session, args: &Logs, out: &mut impl Write) -> Result<(), Error> {
    let mut all: Vec<Pod> = bounded(objects::list(&session.client, Some(&session.namespace), &selector(args))).await?;
    pods::sort(&mut all);
    if all.is_empty() {
        note("it has no pod: it sleeps, or was never started");
    }
    let api = Api::<Pod>::namespaced(session.client.clone(), &session.namespace);
    for pod in &all {
        let container = choose::container(pod, args.container.as_deref()).map_err(Error::NotFound)?;
        if let Some(why) = choose::silent(pod, &container, args.previous) {
            note(&format!("pod {}: {why}", pod.name_any()));
            continue;
        }
        let mut pieces = pieces(api.clone(), pod.name_any(), params(args, container));
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(lines) => out.write_all(&lines)?,
                Err(why) => note(&why),
            }
        }
    }
    Ok(())
}

fn params(args: &Logs, container: String) -> LogParams {
    LogParams {
        container: Some(container),
        follow: args.follow,
        previous: args.previous,
        tail_lines: args.tail,
        ..LogParams::default()
    }
}

/// What is no line of a pod.
fn note(text: &str) {
    eprintln!("todoapp: {text}");
}

#[cfg(test)]
mod tests;
