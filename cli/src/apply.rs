//! `todoapp apply`: objects from files into the cluster, and until their apps are ready.

mod documents;
mod standing;

use std::io::{Read, Write};
use std::path::Path;

use api::TodoApp;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, oneshot};
use kube::{Resource, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

use crate::args::{Apply, Output};
use crate::session::{Session, bounded};
use crate::{Error, MANAGER, wait};
use documents::Document;

/// An app of the files, and the generation that was applied.
struct Applied {
    session: Session,
    name: String,
    generation: i64,
}

/// Applies every document of the files in their order, then waits if that is asked for.
pub async fn run(session: &Session, args: &Apply, out: &mut impl Write) -> Result<(), Error> {
    let deadline = Instant::now() + args.timeout;
    let mut documents = Vec::new();
    for file in &args.files {
        let text = read(file)?;
        documents.extend(documents::read(&file.display().to_string(), &text).map_err(Error::Input)?);
    }
    let mut apps = Vec::new();
    for document in &documents {
        let (namespace, app) = bounded(apply(session, args, document)).await?;
        match args.output {
            Output::Json => writeln!(out, "{}", json!({ "applied": document.shown(), "namespace": namespace }))?,
            Output::Text => writeln!(out, "{} applied", document.shown())?,
        }
        apps.extend(app);
    }
    if args.wait { ready(&apps, args, deadline, out).await } else { Ok(()) }
}

fn read(file: &Path) -> Result<String, Error> {
    let wrong = |error| Error::Input(format!("{}: {error}", file.display()));
    if file.as_os_str() != "-" {
        return std::fs::read_to_string(file).map_err(wrong);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(wrong)?;
    Ok(text)
}

/// Applies one document; gives its namespace, if it has one, and the app, if it is one.
async fn apply(
    session: &Session,
    args: &Apply,
    document: &Document,
) -> Result<(Option<String>, Option<Applied>), Error> {
    let (kind, name) = (&document.kind, &document.name);
    let known = oneshot::pinned_kind(&session.client, kind).await;
    let (resource, capabilities) = known.map_err(|error| unknown(document, &error))?;
    let asked = args.target.namespace.as_deref();
    let namespace = document.namespace(asked, &session.namespace).map_err(Error::Input)?;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Namespaced => Api::namespaced_with(session.client.clone(), &namespace, &resource),
        Scope::Cluster => Api::all_with(session.client.clone(), &resource),
    };
    let mut params = PatchParams::apply(MANAGER).validation_strict();
    params.force = args.force;
    let applied = api.patch(name, &params, &Patch::Apply(&document.object)).await;
    let applied = applied.map_err(|error| refused(document, &error))?;
    let app = is_app(kind).then(|| Applied {
        session: Session { client: session.client.clone(), namespace },
        name: name.clone(),
        generation: applied.meta().generation.unwrap_or_default(),
    });
    Ok((applied.namespace(), app))
}

fn is_app(kind: &GroupVersionKind) -> bool {
    (kind.group.as_str(), kind.kind.as_str()) == (&*TodoApp::group(&()), &*TodoApp::kind(&()))
}

fn unknown(document: &Document, error: &kube::Error) -> Error {
    let shown = document.shown();
    match error {
        kube::Error::Discovery(_) => unserved(document),
        kube::Error::Api(status) if status.code == 404 => unserved(document),
        error => Error::Failed(format!("{shown}: cannot ask the cluster for its kind: {error}")),
    }
}

fn unserved(document: &Document) -> Error {
    let GroupVersionKind { kind, .. } = &document.kind;
    let version = document.kind.api_version();
    Error::Failed(format!("{}: the cluster does not know kind `{kind}` of `{version}`", document.shown()))
}

fn refused(document: &Document, error: &kube::Error) -> Error {
    let shown = document.shown();
    match error {
        kube::Error::Api(status) if status.code == 409 => {
            Error::Failed(format!("{shown}: {}; --force takes the fields over", status.message))
        }
        kube::Error::Api(status) => Error::Failed(format!("{shown}: {}", status.message)),
        error => Error::Failed(format!("{shown}: {error}")),
    }
}

/// Waits for all at once: one that cannot get ready ends it.
async fn ready(apps: &[Applied], args: &Apply, deadline: Instant, out: &mut impl Write) -> Result<(), Error> {
    let waits = apps.iter().map(|Applied { session, name, generation }| {
        let late = |last: Option<&TodoApp>| standing::late(name, args.timeout, last);
        wait::until(session, name, deadline, |app| standing::verdict(app, *generation), late)
    });
    let mut waits: FuturesUnordered<_> = waits.collect();
    while let Some(ready) = waits.next().await {
        let app = ready?;
        match args.output {
            Output::Json => writeln!(out, "{}", standing::told(&app))?,
            Output::Text => writeln!(out, "{}", standing::ready(&app))?,
        }
        out.flush()?;
    }
    Ok(())
}

/// For messages.
fn named(app: &TodoApp) -> String {
    format!("TodoApp `{}`", app.name_any())
}

#[cfg(test)]
mod tests;
