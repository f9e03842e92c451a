//! TLS at a door: the handshake, and what is known of a connection after it.
//!
//! Which certificate a client is shown is the business of [`Identities`], by the server name that it asks for.

use std::{fmt, sync::Arc, time::Duration};

use rustls::{ServerConfig, server::Acceptor};
use tokio::{io::AsyncWriteExt as _, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use crate::net::Io;

/// For the whole handshake, the wait for the client's first byte included.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What is offered by ALPN (RFC 7301), best first.
pub const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// The record of a fatal alert `unrecognized_name` (RFC 8446, 6; RFC 6066, 3). rustls itself would say `access_denied`.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Names that a certificate is for, in lower case: `a.example`, or `*.example` for one label in front of `.example`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Vec<Box<str>>);

impl Names {
    /// Whether the host, in lower case and without port, is one of them (RFC 9525, 6.3).
    pub fn cover(&self, host: &str) -> bool {
        self.0.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => **name == *host,
        })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: AsRef<str>> FromIterator<N> for Names {
    fn from_iter<T: IntoIterator<Item = N>>(names: T) -> Self {
        Self(names.into_iter().map(|name| name.as_ref().to_ascii_lowercase().into()).collect())
    }
}

/// A certificate with its key, ready to be shown.
pub struct Identity {
    /// What it is for.
    pub names: Names,
    /// Holds certificate and key; offers [`PROTOCOLS`].
    pub config: Arc<ServerConfig>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The config has the key in it.
        f.debug_struct("Identity").field("names", &self.names).finish_non_exhaustive()
    }
}

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shaken {
    /// HTTP may begin.
    Done,
    /// There is no certificate for the name.
    UnknownName,
    /// The client left, spoke no TLS, or nothing that both sides know.
    Failed,
    /// It took longer than [`HANDSHAKE_TIMEOUT`].
    Late,
}

/// The certificates of a door.
pub trait Identities: Send + Sync + 'static {
    /// The one to show to a client that asks for this name (in lower case), or for none.
    fn find(&self, name: Option<&str>) -> Option<Arc<Identity>>;
    /// A handshake is over.
    fn shaken(&self, how: Shaken);
}

/// What is known of a connection over TLS.
#[derive(Debug)]
pub struct Secure {
    /// The name that the client asked for.
    name: Option<Box<str>>,
    identity: Arc<Identity>,
}

impl Secure {
    /// Whether a request for this host, in lower case and without port, belongs on this connection (RFC 9110, 7.4). A
    /// client that asked for no name, or accepted a certificate of another, gets what it came for.
    pub fn covers(&self, host: &str) -> bool {
        self.name.as_deref().is_none_or(|name| name == host) || self.identity.names.cover(host)
    }
}

/// Makes the connection a secure one, or ends it.
pub(crate) async fn shake<I: Io>(io: I, identities: &dyn Identities) -> Option<(TlsStream<I>, Secure)> {
    let shaken = timeout(HANDSHAKE_TIMEOUT, accept(io, identities)).await.unwrap_or(Err(Shaken::Late));
    identities.shaken(shaken.as_ref().map_or_else(|how| *how, |_| Shaken::Done));
    shaken.ok()
}

async fn accept<I: Io>(io: I, identities: &dyn Identities) -> Result<(TlsStream<I>, Secure), Shaken> {
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), io).await.map_err(|_| Shaken::Failed)?;
    let name: Option<Box<str>> = start.client_hello().server_name().map(|name| name.to_ascii_lowercase().into());
    let Some(identity) = identities.find(name.as_deref()) else {
        // A client that has left already does not mind.
        let _ = start.io.write_all(&UNRECOGNIZED_NAME).await;
        let _ = start.io.shutdown().await;
        return Err(Shaken::UnknownName);
    };
    let stream = start.into_stream(Arc::clone(&identity.config)).await.map_err(|_| Shaken::Failed)?;
    Ok((stream, Secure { name, identity }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let names: Names = ["Shop.Example", "*.apps.example"].into_iter().collect();
        for host in ["shop.example", "a.apps.example"] {
            assert!(names.cover(host), "{host}");
        }
        for host in ["apps.example", ".apps.example", "a.b.apps.example", "a.shop.example", "", "*", "xapps.example"] {
            assert!(!names.cover(host), "{host}");
        }
    }
}
