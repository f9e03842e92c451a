//! From a request's door, host and headers to a revision. Pure, but for the turn counter of a split and new cookies.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use proxy::Failure;

use crate::{
    revision::Revision,
    table::{App, Destination, Table, Tag},
};

/// Names a tag of the app, for a client that cannot choose the host: Knative's `Knative-Serving-Tag`.
pub(crate) const TAG: HeaderName = HeaderName::from_static("todoapp-tag");

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// By host name; for everybody.
    Public,
    /// The port of one app or tag; for the cluster.
    Port(u16),
}

/// What a request says of where it wants to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) door: Door,
    pub(crate) authority: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

/// Who is to serve it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) revision: Arc<Revision>,
    /// What the client is told, so that it stays with the revision.
    pub(crate) cookie: Option<HeaderValue>,
}

/// Who is to serve the request; `None` while the app has no revision but may soon have one: it is new, or one of our
/// watches is ahead of the other.
///
/// # Errors
/// [`Failure::NoRoute`]: no app that may be reached through this door. [`Failure::NoRevision`]: it has nothing to run.
pub(crate) fn route(table: &Table, ask: Ask<'_>) -> Result<Option<Target>, Failure> {
    let host = host(ask.authority);
    let destination = match ask.door {
        Door::Public => table.hosts.get(host.as_ref()),
        Door::Port(port) => table.ports.get(&port),
    };
    let (app, tag) = match destination.ok_or(Failure::NoRoute)? {
        Destination::Tag(app, place) => (app, Some(&app.tags[usize::from(*place)])),
        Destination::App(app) => (app, tag(app, ask, &host)),
    };
    let (revision, cookie) = match tag {
        Some(tag) => (tag.revision.as_ref(), None),
        None => app.split.choose(&app.key, app.sticky.as_deref(), ask.headers).unzip(),
    };
    match (revision, &app.void) {
        (None, Some(why)) => Err(Failure::NoRevision(why.to_string())),
        (revision, _) => Ok(revision.cloned().map(|revision| Target { revision, cookie: cookie.flatten() })),
    }
}

/// The tag that the host names, where it is free to choose, or else the header; an unknown one is none, as in Knative.
fn tag<'a>(app: &'a App, ask: Ask<'_>, host: &str) -> Option<&'a Tag> {
    if app.tags.is_empty() {
        return None;
    }
    let label = || host.split('.').next().filter(|_| ask.door != Door::Public);
    let by_host = label().and_then(|label| app.tag(label));
    by_host.or_else(|| app.tag_named(ask.headers.get(TAG)?.to_str().ok()?))
}

/// Host of an authority: without port and final dot, in lower case.
pub(crate) fn host(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        // The last colon of an IPv6 address is within its brackets.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(host("A.b:80"), "a.b");
        assert_eq!(host("a.b."), "a.b");
        assert_eq!(host("a.b.:80"), "a.b");
        assert_eq!(host("[::1]"), "[::1]");
        assert_eq!(host("[::1]:80"), "[::1]");
        assert_eq!(host(""), "");
    }
}
