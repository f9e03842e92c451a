//! `todoapp promote|abort|pause|resume`: what a person decides about a release.
//!
//! The wish goes into `spec.rollout.action` with a token; the operator has done it when its status says that token.

use std::io::Write;

use api::TodoApp;
use api::rollout::{Action as Wish, ActionKind, RolloutStatus};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::args::{Action, Output};
use crate::session::{Session, bounded};
use crate::{Error, MANAGER, objects, release, wait};

/// Writes the wish and waits until it is done.
pub async fn run(session: &Session, kind: ActionKind, args: &Action, out: &mut impl Write) -> Result<(), Error> {
    let deadline = Instant::now() + args.timeout;
    let token = args.token.clone().unwrap_or_else(fresh);
    bounded(write(session, args, &Wish { kind, revision: args.revision.clone(), token: token.clone() })).await?;
    if args.no_wait {
        let told = json!({ "app": args.app, "namespace": session.namespace, "action": kind, "token": token });
        match args.output {
            Output::Json => writeln!(out, "{told:#}")?,
            Output::Text => writeln!(out, "{kind:?} is asked of TodoApp {}, token {token}", args.app)?,
        }
        return Ok(());
    }
    let late = |_: Option<&TodoApp>| {
        let name = format!("{kind:?}").to_lowercase();
        let waited = format!("the operator has not done `{name}` within {:?} (token `{token}`)", args.timeout);
        format!("{waited}: does one lead? `todoapp check` tells; asking again with this token does no harm")
    };
    let rollout = wait::until(session, &args.app, deadline, |app| done(app, &token).map(Ok), late).await?;
    match args.output {
        Output::Json => writeln!(out, "{:#}", json!({ "app": args.app, "action": kind, "rollout": rollout }))?,
        Output::Text => writeln!(out, "TodoApp {}: {}", args.app, release::sentence(Some(&rollout)))?,
    }
    Ok(())
}

async fn write(session: &Session, args: &Action, wish: &Wish) -> Result<(), Error> {
    let app = objects::app(session, &args.app).await?;
    if done(&app, &wish.token).is_some() {
        return Ok(());
    }
    if let Some(revision) = &args.revision {
        let revisions = objects::revisions(session, &args.app).await?;
        objects::named(&revisions, &args.app, revision)?;
        let rollout = app.status.as_ref().and_then(|status| status.rollout.as_ref());
        if rollout.and_then(|rollout| rollout.candidate.as_ref()) != Some(revision) {
            let now = release::sentence(rollout);
            return Err(Error::Failed(format!("`{revision}` is not the revision that is being released: {now}")));
        }
    }
    let api = Api::<TodoApp>::namespaced(session.client.clone(), &session.namespace);
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let written = api.patch(&args.app, &params, &Patch::Merge(patch(wish))).await;
    written.map(drop).map_err(|error| objects::denied::<TodoApp>("patch", &session.namespace, &error))
}

/// A merge patch (RFC 7396): the revision of an earlier wish must not stay.
fn patch(wish: &Wish) -> Value {
    json!({ "spec": { "rollout": { "action": { "type": wish.kind, "revision": wish.revision, "token": wish.token } } } })
}

/// The release, if the wish with this token is done.
fn done(app: &TodoApp, token: &str) -> Option<RolloutStatus> {
    let rollout = app.status.as_ref()?.rollout.as_ref()?;
    (rollout.action_token.as_deref() == Some(token)).then(|| rollout.clone())
}

/// A token that nobody has used.
fn fresh() -> String {
    format!("cli-{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests;
