//! Where connections come from: TCP in production, pipes in a simulation.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// Connections that the kernel keeps while we have not accepted them.
const BACKLOG: i32 = 4096;
/// A peer whose node is gone says nothing. What is sent must be acknowledged within this time, and a peer that we only
/// wait for is asked after it, so that a request learns of the loss long before its own deadline.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// A stream that HTTP can be spoken on.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

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
pub trait Accept: Send + 'static {
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

/// The real network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Dial for Tcp {
    type Io = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
        let asking = TcpKeepalive::new().with_time(UNACKNOWLEDGED_MAX).with_interval(UNACKNOWLEDGED_MAX / 4);
        socket.set_tcp_keepalive(&asking)?;
        Ok(stream)
    }
}

impl Accept for TcpListener {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<Accepted<TcpStream>> {
        let (io, peer) = TcpListener::accept(self).await?;
        io.set_nodelay(true)?;
        let local = io.local_addr().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(Accepted { io, peer: canonical(peer), local: canonical(local) })
    }
}

/// An IPv4 address that came in through a dual-stack socket, as itself.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Listens with `SO_REUSEADDR` and a backlog that survives a burst.
///
/// # Errors
/// The address is taken, is not ours, or needs a privilege.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` also means every IPv4 address: one socket for a dual-stack pod.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
