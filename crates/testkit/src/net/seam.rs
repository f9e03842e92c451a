//! The virtual network behind the data plane's own seam, `proxy::net`.

use std::io;
use std::net::SocketAddr;

use proxy::net::{Accept, Accepted, Dial, NAMED_CONNECT_TIMEOUT, Network};
use tokio::time::timeout;

use super::{Host, Listener, Stream};

/// Dials from one host.
#[derive(Clone)]
pub struct Dialer(pub Host);

impl Dial for Dialer {
    type Io = Stream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Stream> {
        self.0.connect(address).await
    }
}

impl Network for Dialer {
    type Listener = Listener;

    fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        self.0.listen(address.port())
    }

    async fn dial_name(&self, name: &str) -> io::Result<(Stream, SocketAddr)> {
        let stream = timeout(NAMED_CONNECT_TIMEOUT, self.0.connect_to(name)).await??;
        let local = stream.local();
        Ok((stream, local))
    }
}

impl Accept for Listener {
    type Io = Stream;

    async fn accept(&self) -> io::Result<Accepted<Stream>> {
        let io = Listener::accept(self).await?;
        Ok(Accepted { peer: io.peer(), local: io.local(), io })
    }
}
