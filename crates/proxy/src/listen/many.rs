//! Many listeners in one task, so that a port that nobody calls costs its socket and hardly anything besides.
//!
//! All sockets are in an epoll instance of our own, which is a single descriptor to tokio: tokio's book-keeping of a
//! socket, and a task to wait for it, are together half as large as the socket is in the kernel.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use mio::{Events, Interest, Poll, Token, net::TcpListener};
use tokio::{io::unix::AsyncFd, net::TcpStream, sync::OwnedSemaphorePermit, task::yield_now, time::sleep};
use tokio_util::task::TaskTracker;

use super::{
    ACCEPT_RETRY, House, Limits, Ports, Server,
    closing::Phase,
    connection::{self, ConnInfo, Live},
};
use crate::{Body, net, net::Accepted};

/// Connections of one port that are accepted in a row, while others have to wait.
const IN_A_ROW: usize = 64;
/// Ports that are reported as ready at a time.
const EVENTS: usize = 256;

/// Listeners that share a handler; it tells them apart by [`ConnInfo::local`]. The bound on connections is each port's.
pub struct Many<H> {
    server: Arc<Server<H>>,
    limits: Limits,
    epoll: AsyncFd<Poll>,
    events: Events,
    ports: BTreeMap<u16, Port>,
    /// Ports that may have connections for us.
    ready: BTreeSet<u16>,
    /// Ports that could not be accepted from, to be tried again.
    paused: BTreeSet<u16>,
    tracker: TaskTracker,
}

struct Port {
    socket: TcpListener,
    /// There while it has connections.
    house: Weak<House>,
    _place: OwnedSemaphorePermit,
}

/// What came of an attempt to accept.
enum Next {
    Connection,
    /// Nobody has called: the socket tells when somebody does.
    Nobody,
    /// Out of descriptors or at the bound: nothing tells when it may go on.
    Refused,
}

impl<H, F> Many<H>
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    /// None yet.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn new(handler: H, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            server: Server::new(handler, &limits),
            limits,
            epoll: watched(Poll::new()?)?,
            events: Events::with_capacity(EVENTS),
            ports: BTreeMap::new(),
            ready: BTreeSet::new(),
            paused: BTreeSet::new(),
            tracker: TaskTracker::new(),
        })
    }

    fn accept(&mut self, number: u16) -> Next {
        let Some(port) = self.ports.get_mut(&number) else { return Next::Nobody };
        let house = port.house.upgrade().unwrap_or_else(|| House::new(&self.limits));
        let Some(place) = house.try_place() else { return Next::Refused };
        let accepted = match port.socket.accept() {
            Ok((io, peer)) => TcpStream::from_std(io.into()).and_then(|io| Accepted::tcp(io, peer)),
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Next::Nobody,
            Err(cause) => Err(cause),
        };
        let Accepted { io, peer, local } = match accepted {
            Ok(accepted) => accepted,
            Err(cause) => {
                house.refused(&cause);
                return Next::Refused;
            }
        };
        port.house = Arc::downgrade(&house);
        let live = Live::new(Arc::clone(&house), place, self.tracker.token());
        tokio::spawn(connection::run(Arc::clone(&self.server), io, ConnInfo::new(peer, local, live)));
        Next::Connection
    }
}

impl<H, F> Ports for Many<H>
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    fn ports(&self) -> impl Iterator<Item = u16> {
        self.ports.keys().copied()
    }

    fn open(&mut self, address: SocketAddr) -> io::Result<()> {
        let place = self.limits.sockets.listening()?;
        let mut socket = TcpListener::from_std(net::listening(address)?);
        let port = socket.local_addr()?.port();
        self.epoll.get_ref().registry().register(&mut socket, Token(port.into()), Interest::READABLE)?;
        self.ports.insert(port, Port { socket, house: Weak::new(), _place: place });
        Ok(())
    }

    fn close(&mut self, port: u16) {
        if let Some(house) = self.ports.remove(&port).and_then(|port| port.house.upgrade()) {
            house.closing.enter(Phase::Closing);
        }
    }

    async fn serve(&mut self) -> Infallible {
        loop {
            if self.ready.is_empty() {
                tokio::select! {
                    () = wait(&mut self.epoll, &mut self.events, &mut self.ready) => {}
                    () = sleep(ACCEPT_RETRY), if !self.paused.is_empty() => {}
                }
                self.ready.append(&mut self.paused);
            }
            for port in std::mem::take(&mut self.ready) {
                match (0..IN_A_ROW).map(|_| self.accept(port)).find(|next| !matches!(next, Next::Connection)) {
                    None => drop(self.ready.insert(port)),
                    Some(Next::Refused) => drop(self.paused.insert(port)),
                    Some(_) => {}
                }
            }
            yield_now().await;
        }
    }

    async fn finish(mut self) {
        for port in self.ports().collect::<Vec<_>>() {
            self.close(port);
        }
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[expect(deprecated, reason = "its successor is unsafe; this descriptor is the epoll's own for as long as it lives")]
fn watched(epoll: Poll) -> io::Result<AsyncFd<Poll>> {
    AsyncFd::new(epoll)
}

/// Waits until a socket has something, and notes which.
async fn wait(epoll: &mut AsyncFd<Poll>, events: &mut Events, ready: &mut BTreeSet<u16>) {
    while ready.is_empty() {
        let mut guard = epoll.readable_mut().await.expect("the runtime outlives its tasks");
        if guard.get_inner_mut().poll(events, Some(Duration::ZERO)).is_err() || events.is_empty() {
            guard.clear_ready();
        }
        ready.extend(events.iter().filter_map(|event| u16::try_from(event.token().0).ok()));
    }
}
