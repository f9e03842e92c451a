//! The certificates of the public door over TLS: from Secrets of type `kubernetes.io/tls`, chosen by server name, live.
//!
//! `watch` reads Secrets and gives them to `shelf`, the one owner of what is known; each change makes a `choice`, an
//! immutable table that handshakes look into.

mod certificate;
mod choice;
mod metrics;
mod secret;
mod shelf;
pub(crate) mod watch;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header::LOCATION};
use prometheus::Registry;
use proxy::{
    Body, headers,
    listen::ConnInfo,
    tls::{Identities, Identity, Shaken},
};

#[cfg(test)]
pub(crate) use self::secret::{LeanSecret, files};
pub(crate) use self::shelf::Shelf;
use self::{choice::Choice, metrics::Metrics};
use crate::{route::host, wakes::Now};

/// What handshakes look into.
pub(crate) struct Certificates {
    choice: ArcSwap<Choice>,
    metrics: Metrics,
    now: Now,
}

impl Certificates {
    /// None yet.
    pub(crate) fn new(registry: &Registry, now: Now) -> Arc<Self> {
        Arc::new(Self { choice: ArcSwap::default(), metrics: Metrics::new(registry), now })
    }

    /// Whether there is one for this host, in lower case and without port; the default one is for what it names.
    pub(crate) fn has(&self, host: &str) -> bool {
        self.choice.load().has(host)
    }

    fn unix_time(&self) -> i64 {
        let time = (self.now)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
    }
}

impl Identities for Certificates {
    fn find(&self, name: Option<&str>) -> Option<Arc<Identity>> {
        let choice = self.choice.load();
        choice.find(name, self.unix_time()).map(|certificate| Arc::clone(&certificate.identity))
    }

    fn shaken(&self, how: Shaken) {
        self.metrics.shaken(how);
    }
}

/// Where requests without TLS are sent, for hosts that have a certificate.
pub(crate) struct Redirect {
    pub(crate) certificates: Arc<Certificates>,
    /// Port of HTTPS as the outside sees it.
    pub(crate) port: u16,
}

impl Redirect {
    /// The answer to a request that has to come again over TLS; `None` if it may pass as it is.
    pub(crate) fn answer<B>(&self, request: &Request<B>, connection: &ConnInfo) -> Option<Response<Body>> {
        if connection.secure().is_some() {
            return None;
        }
        let to = self.place(&host(headers::authority(request)?), request.uri())?;
        let mut response = Response::new(Body::empty());
        // RFC 9110, 15.4.9: the method and the body are to be the same.
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, HeaderValue::try_from(to).ok()?);
        Some(response)
    }

    /// The place of the same thing over TLS.
    fn place(&self, host: &str, uri: &Uri) -> Option<String> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if !path.starts_with('/') || !self.certificates.has(host) {
            return None;
        }
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        Some(format!("https://{host}{port}{path}"))
    }
}
