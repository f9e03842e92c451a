//! A listener that lets one client in, in memory.

use std::{
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
};

use parking_lot::Mutex;
use proxy::net::{Accept, Accepted};
use tokio::io::DuplexStream;

pub const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
/// Room in a pipe; no input is so long.
pub const PIPE: usize = 1 << 20;

pub struct Door(pub Mutex<Option<DuplexStream>>);

impl Accept for Door {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<Accepted<DuplexStream>> {
        let client = self.0.lock().take();
        match client {
            Some(io) => Ok(Accepted { io, peer: SocketAddr::new(PEER, 1), local: address(8080) }),
            None => pending().await,
        }
    }
}

pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}
