//! Reading objects, and what is said when they cannot be read.

use std::fmt::Debug;

use api::{Revision, TodoApp, labels};
use kube::api::{Api, ListParams};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::session::Session;

/// Objects of one answer at most; there may be any number of answers.
const PAGE: u32 = 500;

/// The app of this name.
pub async fn app(session: &Session, name: &str) -> Result<TodoApp, Error> {
    let api = Api::<TodoApp>::namespaced(session.client.clone(), &session.namespace);
    let found = api.get_opt(name).await.map_err(|error| denied::<TodoApp>("get", &session.namespace, &error))?;
    found.ok_or_else(|| no_app(&session.namespace, name))
}

/// There is no such app.
pub fn no_app(namespace: &str, name: &str) -> Error {
    Error::NotFound(format!("there is no TodoApp `{name}` in namespace `{namespace}`"))
}

/// All objects of a kind with these labels, in one namespace or in all.
pub async fn list<K>(client: &Client, namespace: Option<&str>, selector: &str) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api = scoped::<K>(client, namespace);
    let mut params = ListParams::default().labels(selector).limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = api.list(&params).await;
        let page = page.map_err(|error| denied::<K>("list", namespace.unwrap_or("*"), &error))?;
        let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
        found.extend(page.items);
        let Some(token) = next else { return Ok(found) };
        params = params.continue_token(&token);
    }
}

/// The kind in one namespace or in all.
pub fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// The revisions of an app, the newest first.
pub async fn revisions(session: &Session, app: &str) -> Result<Vec<Revision>, Error> {
    let selector = format!("{}={app}", labels::APP);
    let mut revisions: Vec<Revision> = list(&session.client, Some(&session.namespace), &selector).await?;
    sort(&mut revisions);
    Ok(revisions)
}

/// The newest first: by their number, and by name where there is none.
pub fn sort(revisions: &mut [Revision]) {
    let number = |revision: &Revision| revision.labels().get(labels::NUMBER).and_then(|n| n.parse::<u64>().ok());
    revisions.sort_by_key(|revision| std::cmp::Reverse((number(revision), revision.name_any())));
}

/// The revision of this name, or an error that names those that there are.
pub fn named<'a>(revisions: &'a [Revision], app: &str, wanted: &str) -> Result<&'a Revision, Error> {
    revisions.iter().find(|revision| revision.name_any() == wanted).ok_or_else(|| {
        let known: Vec<_> = revisions.iter().map(|revision| format!("`{}`", revision.name_any())).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        Error::NotFound(format!("TodoApp `{app}` has no revision `{wanted}`; there is {known}"))
    })
}

/// Why the API server did not do what was asked of a kind.
pub fn denied<K: Resource<DynamicType = ()>>(verb: &str, namespace: &str, error: &kube::Error) -> Error {
    let (plural, group) = (K::plural(&()), K::group(&()));
    let resource = if group.is_empty() { plural.to_string() } else { format!("{plural}.{group}") };
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            let right = format!("the right to `{verb}` `{resource}` in namespace `{namespace}` is missing");
            Error::Failed(format!("{right}: {}", status.message))
        }
        kube::Error::Api(status) if status.code == 404 => Error::Failed(format!(
            "the cluster does not know `{resource}`: is todoapp installed? `todoapp check` tells"
        )),
        kube::Error::Api(status) => Error::Failed(format!("cannot {verb} `{resource}`: {}", status.message)),
        error => Error::Failed(format!("cannot {verb} `{resource}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{World, app, revision};

    #[tokio::test(start_paused = true)]
    async fn a_list_of_many_pages_is_whole_and_the_newest_is_first() {
        let world = World::new(vec![]);
        world.make(&app("user"));
        for number in 1..=PAGE + 1 {
            world.make(&revision("user", number));
        }
        world.make(&revision("other", 1));
        let found = revisions(&world.session, "user").await.expect("a list");
        assert_eq!(found.len(), PAGE as usize + 1);
        assert_eq!(found[0].name_any(), format!("user-{:05}", PAGE + 1));
        assert_eq!(found.last().map(ResourceExt::name_any).as_deref(), Some("user-00001"));
    }
}
