//! A network in memory, on virtual time: hosts with addresses, names, listeners, streams; latency, cuts, resets, loss.
//!
//! A stream behaves as TCP does seen from a program: bytes in order, a window, an end, a reset, and silence when the
//! other end cannot be reached. Silence ends as it does in production, where `TCP_USER_TIMEOUT` is set on every socket.
//! Tokio's timers know whole milliseconds, so a latency below one is one.

mod pipe;
mod seam;
mod state;
mod stream;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Context;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::{Delay, Seed};
use state::{Arrival, State};

pub use seam::Dialer;
pub use state::{SILENCE_MAX, SYN_TIMEOUT};
pub use stream::Stream;

/// The network. Clones are the same one.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

/// One address of it, with what listens there.
#[derive(Clone)]
pub struct Host {
    network: Network,
    address: IpAddr,
}

/// Connections to one port, as they come. Dropped: nobody listens there any more.
pub struct Listener {
    network: Network,
    address: SocketAddr,
    number: u64,
}

impl Network {
    /// One on which everything arrives at once.
    pub fn new(seed: Seed) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed.part("net").stream("latency")))) }
    }

    /// The host of an address; it is there from now on.
    pub fn host(&self, address: IpAddr) -> Host {
        self.state.lock().up(address);
        Host { network: self.clone(), address }
    }

    /// What a name stands for from now on; nothing: it is not known.
    pub fn set_name(&self, name: &str, addresses: &[IpAddr]) {
        self.state.lock().set_name(name, addresses);
    }

    /// How long a way takes, one way, from any host to any other.
    pub fn set_latency(&self, latency: Delay) {
        self.state.lock().latency = latency;
    }

    /// Between the one group and the other nothing gets through any more, and nobody is told.
    pub fn cut(&self, one: &[IpAddr], other: &[IpAddr]) {
        self.state.lock().cut(one, other, Instant::now());
    }

    /// Everything gets through again; what is still waited for arrives.
    pub fn heal(&self) {
        self.state.lock().heal();
    }

    /// A process ends, or is killed: its streams are reset and its ports closed.
    pub fn kill(&self, address: IpAddr) {
        self.state.lock().kill(address);
    }

    /// A node is gone: nothing of the host is heard again, and nobody is told.
    pub fn lose(&self, address: IpAddr) {
        self.state.lock().lose(address, Instant::now());
    }

    /// Streams that are open, both ends counted as one.
    pub fn open_streams(&self) -> usize {
        self.state.lock().open_streams()
    }
}

impl Host {
    /// Its address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Opens a stream to an address; a loopback address is the host itself.
    ///
    /// # Errors
    /// `ConnectionRefused` when nobody listens there, `TimedOut` when nothing is heard of it.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<Stream> {
        let to = if to.ip().is_loopback() { SocketAddr::new(self.address, to.port()) } else { to };
        let way = self.network.state.lock().way();
        pause(way).await;
        let arrival = self.network.state.lock().arrive(self.address, to, Instant::now());
        match arrival {
            Arrival::Lost => {
                sleep(SYN_TIMEOUT).await;
                Err(io::ErrorKind::TimedOut.into())
            }
            Arrival::Refused => {
                pause(way).await;
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Arrival::Taken(end) => {
                let stream = Stream::new(self.network.state.clone(), end);
                pause(way).await;
                Ok(stream)
            }
        }
    }

    /// Opens a stream to `name:port` or `address:port`, trying each address that the name has.
    ///
    /// # Errors
    /// `NotFound` when the name is not known; else that of the last address.
    pub async fn connect_to(&self, to: &str) -> io::Result<Stream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("'{to}' is not known"));
        let addresses = self.network.state.lock().resolve(to);
        for address in addresses {
            match self.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Listens on a port; 0: any that is free.
    ///
    /// # Errors
    /// `AddrInUse` when somebody does already.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        let (address, number) = self.network.state.lock().listen(self.address, port)?;
        Ok(Listener { network: self.network.clone(), address, number })
    }
}

impl Listener {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection. Cancel-safe.
    ///
    /// # Errors
    /// `ConnectionAborted` when its host was killed.
    pub async fn accept(&self) -> io::Result<Stream> {
        let accept =
            |context: &mut Context<'_>| self.network.state.lock().poll_accept(self.address, self.number, context);
        let end = std::future::poll_fn(accept).await?;
        Ok(Stream::new(self.network.state.clone(), end))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.network.state.lock().unlisten(self.address, self.number);
    }
}

async fn pause(length: std::time::Duration) {
    if !length.is_zero() {
        sleep(length).await;
    }
}
