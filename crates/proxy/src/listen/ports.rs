//! Listening on a changing set of ports with one handler.

use std::{collections::BTreeMap, convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{ConnInfo, Limits, serve};
use crate::{Body, net::Network};

/// Whoever closes a port bounds the end of its requests.
const GRACE: Duration = Duration::from_hours(24);

/// Listeners that share a handler; it tells them apart by [`ConnInfo::local`]. The bound on connections is each port's.
pub trait Ports: Send {
    /// The ports that are open.
    fn ports(&self) -> impl Iterator<Item = u16>;
    /// Listens on the address too.
    ///
    /// # Errors
    /// The address is taken, is not ours, or needs a privilege.
    fn open(&mut self, address: SocketAddr) -> io::Result<()>;
    /// Does not listen on the port any more. Its connections end when their requests have.
    fn close(&mut self, port: u16);
    /// Accepts and serves, for as long as it is polled. Cancel-safe.
    fn serve(&mut self) -> impl Future<Output = Infallible> + Send;
    /// Closes all ports and waits until the connections have ended.
    fn finish(self) -> impl Future<Output = ()> + Send;
}

/// A task for each port: what any network can do. Dropped, its connections are cut.
pub(crate) struct Each<N, H> {
    network: N,
    handler: Arc<H>,
    limits: Limits,
    open: BTreeMap<u16, CancellationToken>,
    tasks: JoinSet<usize>,
}

impl<N, H> Each<N, H> {
    pub(crate) fn new(network: N, handler: H, limits: Limits) -> Self {
        Self { network, handler: Arc::new(handler), limits, open: BTreeMap::new(), tasks: JoinSet::new() }
    }
}

impl<N, H, F> Ports for Each<N, H>
where
    N: Network,
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    fn ports(&self) -> impl Iterator<Item = u16> {
        self.open.keys().copied()
    }

    fn open(&mut self, address: SocketAddr) -> io::Result<()> {
        let listener = self.network.listen(address)?;
        let (handler, stop) = (Arc::clone(&self.handler), CancellationToken::new());
        let handler = move |request, info| handler(request, info);
        self.tasks.spawn(serve(listener, handler, self.limits.clone(), stop.clone(), GRACE));
        self.open.insert(address.port(), stop);
        Ok(())
    }

    fn close(&mut self, port: u16) {
        if let Some(stop) = self.open.remove(&port) {
            stop.cancel();
        }
    }

    async fn serve(&mut self) -> Infallible {
        while self.tasks.join_next().await.is_some() {}
        std::future::pending().await
    }

    async fn finish(mut self) {
        for stop in self.open.values() {
            stop.cancel();
        }
        while self.tasks.join_next().await.is_some() {}
    }
}
