//! Where connections come from: TCP in production, pipes in a simulation.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    Body,
    listen::{ConnInfo, Each, Limits, Many, Ports},
    names,
};

/// Connections that the kernel keeps while we have not accepted them.
const BACKLOG: i32 = 4096;
/// A peer whose node is gone says nothing, and one that takes nothing of what it asked for keeps what serves it. Either is
/// given up after this time, so that a request learns of it long before its own deadline. Not sooner: an app may well
/// be busy for a while before it reads the rest of a large request.
const STALLED_MAX: Duration = Duration::from_mins(1);
/// The same of a service that is known by its name, which reads whatever it is sent.
const NAMED_STALLED_MAX: Duration = Duration::from_secs(10);

/// A stream that HTTP can be spoken on.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

/// What one address of a name gets. Nobody answers at one that is not used any more, however long one waits, and by then
/// the name may lead elsewhere.
pub const NAMED_CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// A connection that arrived.
#[derive(Debug)]
pub struct Accepted<I> {
    /// The stream.
    pub io: I,
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
}

/// Source of connections that others opened.
pub trait Accept: Send + Sync + 'static {
    /// The stream it gives.
    type Io: Io;
    /// Waits for the next one. Cancel-safe.
    fn accept(&self) -> impl Future<Output = io::Result<Accepted<Self::Io>>> + Send;
}

/// Opens connections.
pub trait Dial: Clone + Send + Sync + 'static {
    /// The stream it gives.
    type Io: Io;
    /// Connects to an address; how long that may take is the caller's business.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// A machine's place in a network: it listens and dials, also by name.
pub trait Network: Dial {
    /// What it listens with.
    type Listener: Accept<Io = Self::Io>;
    /// Listens on an address of this machine; an unspecified one means all of them.
    fn listen(&self, address: SocketAddr) -> io::Result<Self::Listener>;
    /// Connects to `host:port`, looked up anew, and gives each of its addresses [`NAMED_CONNECT_TIMEOUT`]; also gives the
    /// local address.
    fn dial_name(&self, name: &str) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
    /// Listens on ports that come and go, with one handler.
    ///
    /// # Errors
    /// Out of descriptors.
    fn many<H, F>(self, handler: H, limits: Limits) -> io::Result<impl Ports + 'static>
    where
        H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Ok(Each::new(self, handler, limits))
    }
}

/// The real network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Dial for Tcp {
    type Io = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        connect(address, STALLED_MAX).await
    }
}

impl Network for Tcp {
    type Listener = TcpListener;

    fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        bind(address)
    }

    async fn dial_name(&self, name: &str) -> io::Result<(TcpStream, SocketAddr)> {
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in names::lookup(name).await? {
            match timeout(NAMED_CONNECT_TIMEOUT, connect(address, NAMED_STALLED_MAX)).await {
                Ok(Ok(stream)) => {
                    let local = stream.local_addr()?;
                    return Ok((stream, local));
                }
                Ok(Err(cause)) => failure = cause,
                Err(late) => failure = late.into(),
            }
        }
        Err(failure)
    }

    fn many<H, F>(self, handler: H, limits: Limits) -> io::Result<impl Ports + 'static>
    where
        H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Many::new(handler, limits)
    }
}

async fn connect(address: SocketAddr, stalled_max: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    tend(&SockRef::from(&stream), stalled_max)?;
    Ok(stream)
}

/// Has the kernel notice that the other end is gone or takes nothing. One that only waits is asked whether it is there.
fn tend(socket: &Socket, stalled_max: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(stalled_max))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(stalled_max).with_interval(stalled_max / 4))
}

impl Accept for TcpListener {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<Accepted<TcpStream>> {
        let (io, peer) = TcpListener::accept(self).await?;
        Accepted::tcp(io, peer)
    }
}

impl Accepted<TcpStream> {
    /// A connection as the kernel gave it.
    pub(crate) fn tcp(io: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        io.set_nodelay(true)?;
        let local = io.local_addr().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(Self { io, peer: canonical(peer), local: canonical(local) })
    }
}

/// An IPv4 address that came in through a dual-stack socket, as itself.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// All addresses of this machine: `::`, which [`bind`] takes for IPv4's too, if it has one of IPv6 that others can call.
/// Otherwise `0.0.0.0`: a socket of IPv4 is the smaller one.
pub fn any() -> IpAddr {
    let addresses = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    if reached_by_ipv6(&addresses) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

/// Whether one of the addresses is neither the loopback's nor the link's: address, index, prefix, scope, flags, device.
fn reached_by_ipv6(addresses: &str) -> bool {
    const GLOBAL: &str = "00";
    addresses.lines().any(|line| line.split_whitespace().nth(3) == Some(GLOBAL))
}

/// Listens with `SO_REUSEADDR` and a backlog that survives a burst.
///
/// # Errors
/// The address is taken, is not ours, or needs a privilege.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::from_std(listening(address)?)
}

/// The socket of [`bind`] before anybody waits for its connections.
pub(crate) fn listening(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` also means every IPv4 address: one socket for a dual-stack pod.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    // Connections inherit it, which costs them nothing.
    tend(&socket, STALLED_MAX)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_loopback_or_link_is_not_one_that_others_can_call() {
        let own = "00000000000000000000000000000001 01 80 10 80       lo\n\
                   fe800000000000000042acfffe110002 02 40 20 80     eth0\n";
        assert!(!reached_by_ipv6(""));
        assert!(!reached_by_ipv6(own));
        assert!(reached_by_ipv6(&format!("{own}fd000010024400010000000000000005 02 40 00 80     eth0\n")));
    }

    #[tokio::test]
    async fn a_socket_for_all_addresses_hears_ipv4() {
        for any in [any(), Ipv4Addr::UNSPECIFIED.into()] {
            let listener = bind((any, 0).into()).unwrap();
            let port = listener.local_addr().unwrap().port();
            let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            let Accepted { local, io, .. } = Accept::accept(&listener).await.unwrap();
            assert_eq!(local, (Ipv4Addr::LOCALHOST, port).into());
            let socket = SockRef::from(&io);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(STALLED_MAX));
            assert!(socket.keepalive().unwrap());
        }
    }
}
