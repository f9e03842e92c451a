//! What a request asks for: verb and object out of method and path.

use std::sync::Arc;

use super::kinds::{Feature, Kind};
use super::patch::PatchKind;
use super::refusal::Refusal;
use super::store::KindId;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// One object.
    Get,
    /// All of them.
    List,
    /// All changes.
    Watch,
    /// A new object.
    Create,
    /// The whole of an object anew.
    Update,
    /// A part of it.
    Patch,
    /// Server-side apply.
    Apply,
    /// An end to it.
    Delete,
    /// An end to all of them.
    DeleteCollection,
}

impl Verb {
    /// In lower case, as RBAC has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Apply => "apply",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Whether it changes anything.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// Part of an object that is written by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All but the status.
    Main,
    /// `status`.
    Status,
    /// `scale`.
    Scale,
}

impl Part {
    /// Its name in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Status => "status",
            Self::Scale => "scale",
        }
    }
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which kind.
    pub kind: KindId,
    /// Empty: none, or all.
    pub namespace: String,
    /// Empty: all of them.
    pub name: String,
    /// Which part.
    pub part: Part,
}

/// Reads a path such as `/apis/apps/v1/namespaces/default/deployments/x/scale`.
pub fn target(path: &str, kinds: &[Arc<Kind>]) -> Result<Target, Refusal> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Err(Refusal::no_such_path()),
    };
    let (namespace, plural, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => ("", "namespaces", &rest[1..]),
        ["namespaces", namespace, plural, rest @ ..] => (*namespace, *plural, rest),
        [plural, rest @ ..] => ("", *plural, rest),
        [] => return Err(Refusal::no_such_path()),
    };
    let is_meant = |kind: &Arc<Kind>| {
        (kind.group.as_str(), kind.version.as_str(), kind.plural.as_str()) == (group, version, plural)
    };
    let kind = kinds.iter().position(is_meant).ok_or_else(Refusal::no_such_path)?;
    let found = &kinds[kind];
    let (name, part) = match rest {
        [] => ("", Part::Main),
        [name] => (*name, Part::Main),
        [name, "status"] if found.has(Feature::Status) => (*name, Part::Status),
        [name, "scale"] if found.has(Feature::Scale) => (*name, Part::Scale),
        _ => return Err(Refusal::no_such_path()),
    };
    // One object, or a new one, of a namespaced kind is reached through its namespace alone.
    let namespaced = found.has(Feature::Namespaced);
    if namespaced == namespace.is_empty() && (!name.is_empty() || !namespaced) {
        return Err(Refusal::no_such_path());
    }
    Ok(Target { kind, namespace: namespace.to_owned(), name: name.to_owned(), part })
}

/// What the method means there.
pub fn verb(method: &http::Method, target: &Target, watch: bool, patch: Option<PatchKind>) -> Result<Verb, Refusal> {
    let one = !target.name.is_empty();
    match (method.as_str(), one) {
        ("GET", true) => Ok(Verb::Get),
        ("GET", false) if watch => Ok(Verb::Watch),
        ("GET", false) => Ok(Verb::List),
        ("POST", false) => Ok(Verb::Create),
        ("PUT", true) => Ok(Verb::Update),
        ("PATCH", true) if patch == Some(PatchKind::Apply) => Ok(Verb::Apply),
        ("PATCH", true) => Ok(Verb::Patch),
        ("DELETE", true) if target.part == Part::Main => Ok(Verb::Delete),
        ("DELETE", false) => Ok(Verb::DeleteCollection),
        _ => Err(Refusal::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::*;

    #[test]
    fn paths_lead_to_objects() {
        let kinds: Vec<_> = kinds::built_in().into_iter().map(Arc::new).collect();
        let at = |path: &str| {
            let found = target(path, &kinds).ok()?;
            Some(format!("{} {} {} {:?}", kinds[found.kind].resource(), found.namespace, found.name, found.part))
        };
        let scale = at("/apis/apps/v1/namespaces/a/deployments/d/scale");
        assert_eq!(scale.as_deref(), Some("deployments.apps a d Scale"));
        assert_eq!(at("/api/v1/pods").as_deref(), Some("pods   Main"));
        assert_eq!(at("/api/v1/namespaces/a").as_deref(), Some("namespaces  a Main"));
        assert_eq!(at("/api/v1/namespaces/a/status").as_deref(), Some("namespaces  a Status"));
        for wrong in ["/", "/api/v1/pods/p", "/api/v1/namespaces/a/cats", "/api/v1/namespaces/a/secrets/s/status"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
