//! Lists, whole or page by page. All pages show one moment, however long it takes to read them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::state::{Request, State};
use super::store::Key;

/// The list that a request asks for.
pub fn list(state: &State, request: &Request) -> Result<Value, Refusal> {
    let kind = &state.kinds[request.target.kind];
    let namespace = Some(request.target.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let (version, from) = match request.query.go_on.as_str() {
        "" => (state.store.version(), None),
        token => {
            let (version, namespace, name) = read(token)?;
            (version, Some((request.target.kind, namespace, name)))
        }
    };
    let expired = || {
        Refusal::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter.",
        )
    };
    let then = state.store.at_version(version, request.target.kind, namespace).ok_or_else(expired)?;
    let wanted = then
        .iter()
        .filter(|(key, object)| from.as_ref().is_none_or(|from| *key > from) && request.query.selector.matches(object));
    let mut found: Vec<(&Key, &Arc<Value>)> = wanted.collect();
    let limit = if request.query.limit == 0 { found.len() } else { request.query.limit };
    let remaining = found.len().saturating_sub(limit);
    found.truncate(limit);
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if let Some(((_, namespace, name), _)) = found.last().filter(|_| remaining > 0) {
        metadata["continue"] = format!("{version}/{namespace}/{name}").into();
        metadata["remainingItemCount"] = remaining.into();
    }
    Ok(json!({
        "apiVersion": kind.api_version(),
        "kind": format!("{}List", kind.kind),
        "metadata": metadata,
        "items": found.into_iter().map(|(_, object)| object.as_ref()).collect::<Vec<_>>(),
    }))
}

fn read(token: &str) -> Result<(u64, String, String), Refusal> {
    let mut parts = token.splitn(3, '/');
    let version = parts.next().and_then(|part| part.parse().ok());
    match (version, parts.next(), parts.next()) {
        (Some(version), Some(namespace), Some(name)) => Ok((version, namespace.to_owned(), name.to_owned())),
        _ => Err(Refusal::bad_request("continue key is not valid")),
    }
}
