//! `todoapp traffic`: who gets which share of the requests.

mod split;
mod table;

use std::io::Write;

use api::{TodoApp, TrafficTarget};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::args::{Output, Traffic};
use crate::session::{Session, bounded};
use crate::{Error, MANAGER, objects};
use split::Wish;

/// Shows the split, or writes it and shows what is wanted now.
pub async fn run(session: &Session, args: &Traffic, out: &mut impl Write) -> Result<(), Error> {
    let wish = Wish::read(args).map_err(Error::Input)?;
    let app = bounded(async {
        let app = objects::app(session, &args.app).await?;
        if wish.is_empty() { Ok(app) } else { write(session, &app, &wish).await }
    });
    let app = app.await?;
    let status = app.status.clone().unwrap_or_default();
    match (args.output, wish.is_empty()) {
        (Output::Json, true) => writeln!(out, "{:#}", json!({ "app": args.app, "traffic": status.traffic }))?,
        (Output::Json, false) => writeln!(out, "{:#}", json!({ "app": args.app, "traffic": app.spec.traffic }))?,
        (Output::Text, true) => write!(out, "{}", table::shown(&status.traffic, status.url.as_deref()))?,
        (Output::Text, false) => write!(out, "{}", table::wanted(&app.spec.traffic))?,
    }
    Ok(())
}

/// Writes `spec.traffic`, unless somebody else has changed the app meanwhile: tags that it has are kept.
async fn write(session: &Session, app: &TodoApp, wish: &Wish) -> Result<TodoApp, Error> {
    let name = app.name_any();
    let revisions = objects::revisions(session, &name).await?;
    for revision in wish.revisions() {
        objects::named(&revisions, &name, revision)?;
    }
    let traffic: Vec<TrafficTarget> = wish.applied(&app.spec.traffic).map_err(Error::Input)?;
    let patch = json!({ "metadata": { "resourceVersion": app.resource_version() }, "spec": { "traffic": traffic } });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = Api::<TodoApp>::namespaced(session.client.clone(), &session.namespace);
    api.patch(&name, &params, &Patch::Merge(patch)).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 409 => {
            Error::Failed(format!("TodoApp `{name}` was changed by somebody else at the same moment; try again"))
        }
        error => objects::denied::<TodoApp>("patch", &session.namespace, &error),
    })
}

#[cfg(test)]
mod tests;
