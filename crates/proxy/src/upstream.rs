//! Connections to upstreams, kept between requests.
//!
//! Owns idle connections per address and nothing else: which address to use, and whether to try another, is the
//! caller's business. To help with that, a request that was not sent is always handed back.
//!
//! HTTP/1: a stack of free connections an address (the warmest on top); a connection is on it only while no message is
//! on the wire. HTTP/2: few shared connections an address, the next one when the streams of the others are used up.

mod connection;
mod driven;
mod error;
mod home;
mod http1;
mod http2;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use parking_lot::RwLock;
use tokio::time::Instant;
use wire::Protocol;

pub use self::error::{Cause, SendError};
use self::home::Home;
use crate::{
    Body, Shortage, Sockets, forward,
    net::{Dial, Tcp},
};

/// Bounds of a pool.
#[derive(Debug, Clone)]
pub struct PoolLimits {
    /// Free HTTP/1 connections kept for one address.
    pub idle_per_address: usize,
    /// How long a connection is kept unused; must be shorter than the upstream's patience.
    pub idle_timeout: Duration,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// HTTP/2 connections to one address.
    pub h2_per_address: usize,
    /// What the process may have.
    pub sockets: Arc<Sockets>,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            idle_per_address: 256,
            idle_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(1),
            h2_per_address: 8,
            sockets: Arc::default(),
        }
    }
}

/// The pool. Cheap to clone; clones are one pool.
#[derive(Debug, Clone)]
pub struct Pool<D: Dial = Tcp> {
    shared: Arc<Shared>,
    dial: D,
}

#[derive(Debug)]
struct Shared {
    limits: PoolLimits,
    homes: RwLock<Homes>,
}

#[derive(Debug, Default)]
struct Homes {
    by_address: HashMap<SocketAddr, Arc<Home>>,
    /// Whether the task that drops idle connections runs; it ends when there is nothing to watch.
    swept: bool,
}

/// A response's hold on its connection.
pub(crate) enum Lease {
    Http1(http1::Lease),
    Http2(http2::Lease),
}

impl Lease {
    /// Asks `look` for what comes of the connection, and drives that if nobody else does.
    pub(crate) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match self {
            Self::Http1(lease) => lease.drive(cx, look),
            Self::Http2(_) => look(cx),
        }
    }

    /// The message is over: the connection may be used again.
    pub(crate) fn finished(&mut self) {
        match self {
            Self::Http1(lease) => lease.finished(),
            Self::Http2(lease) => lease.finished(),
        }
    }

    /// The message broke: the connection must not be used again.
    pub(crate) fn broken(&mut self) {
        if let Self::Http1(lease) = self {
            lease.broken();
        }
    }
}

impl Pool<Tcp> {
    /// A pool over TCP.
    pub fn new(limits: PoolLimits) -> Self {
        Self::with_dial(limits, Tcp)
    }
}

impl<D: Dial> Pool<D> {
    /// A pool over any network.
    pub fn with_dial(limits: PoolLimits, dial: D) -> Self {
        let shared = Arc::new(Shared { limits, homes: RwLock::default() });
        Self { shared, dial }
    }

    /// Sends a request and gives its response; the response's body holds the connection until it has ended.
    ///
    /// # Errors
    /// [`SendError::Unsent`] gives the request back: the upstream has seen nothing of it, so that another may be tried.
    /// After [`SendError::Broken`] the upstream may have acted on it.
    pub async fn send(
        &self,
        address: SocketAddr,
        protocol: Protocol,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, SendError> {
        forward::fit(&mut request, protocol);
        let home = self.home(address);
        let sent = match protocol {
            Protocol::Http1 => http1::send(home, &self.dial, request).await,
            Protocol::H2c => http2::send(home, &self.dial, request).await,
        };
        // Ports are each address's own, and one that is closed cannot be used again for a while.
        let short = sent.as_ref().err().and_then(SendError::shortage);
        if short.is_some_and(|of| of != Shortage::Ports) {
            self.make_room();
        }
        sent
    }

    /// Closes what nobody uses: a request that has to wait for a connection is worth more than one that may come.
    fn make_room(&self) {
        let homes = self.shared.homes.read();
        homes.by_address.values().for_each(|home| home.make_room());
    }

    /// Forgets an address: its free connections close now, the others when their message is over.
    pub fn retire(&self, address: SocketAddr) {
        let home = self.shared.homes.write().by_address.remove(&address);
        if let Some(home) = home {
            home.retire();
        }
    }

    /// What the process may have in connections.
    pub fn sockets(&self) -> &Arc<Sockets> {
        &self.shared.limits.sockets
    }

    /// Free HTTP/1 connections in all.
    pub fn idle(&self) -> usize {
        let homes = self.shared.homes.read();
        homes.by_address.values().map(|home| home.idle()).sum()
    }

    fn home(&self, address: SocketAddr) -> Arc<Home> {
        if let Some(home) = self.shared.homes.read().by_address.get(&address) {
            return Arc::clone(home);
        }
        let mut homes = self.shared.homes.write();
        if !homes.swept {
            homes.swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.shared)));
        }
        let home =
            homes.by_address.entry(address).or_insert_with(|| Arc::new(Home::new(address, self.shared.limits.clone())));
        Arc::clone(home)
    }
}

/// Drops what has been idle for too long, while there is anything.
async fn sweep(shared: Weak<Shared>) {
    loop {
        let Some(period) = shared.upgrade().map(|pool| pool.limits.idle_timeout / 2) else {
            return;
        };
        tokio::time::sleep(period).await;
        let Some(pool) = shared.upgrade() else { return };
        let mut homes = pool.homes.write();
        let now = Instant::now();
        homes.by_address.retain(|_, home| {
            home.sweep(now);
            // A second owner is a request under way; a new one cannot come while the map is locked.
            Arc::strong_count(home) > 1 || !home.is_empty()
        });
        if homes.by_address.is_empty() {
            homes.swept = false;
            return;
        }
    }
}
