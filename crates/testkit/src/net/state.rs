//! What the network knows: hosts, names, listeners, cuts and streams, under one lock. No timers, no tasks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::time::Instant;

use super::pipe::Pipe;
use crate::Delay;

/// After so much silence of the other end a stream is over: what our sockets have as `TCP_USER_TIMEOUT`.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// After so long a connection attempt that nobody answers fails (Linux, six retries).
pub const SYN_TIMEOUT: Duration = Duration::from_secs(127);
/// Connections that wait to be accepted; further ones are not answered.
const BACKLOG: usize = 4096;
/// First of the ports that connections come from.
const EPHEMERAL: u16 = 32_768;

/// One end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Which stream.
    pub id: u64,
    /// 0: who opened it, 1: who took it.
    pub side: usize,
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

/// What becomes of a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Nobody hears it.
    Lost,
    /// Nobody listens.
    Refused,
    /// It is in the backlog.
    Taken(End),
}

/// One stream.
#[derive(Debug)]
pub struct Conn {
    hosts: [IpAddr; 2],
    /// What each side sends.
    pub pipes: [Pipe; 2],
    /// Over, for both ends.
    pub reset: bool,
    /// One end was dropped: what the other writes meets a reset.
    pub gone: bool,
    /// Ends that are still held.
    held: usize,
}

#[derive(Debug)]
struct Cut {
    sides: [Vec<IpAddr>; 2],
    since: Instant,
}

impl Cut {
    fn is_between(&self, a: IpAddr, b: IpAddr) -> bool {
        let [one, other] = &self.sides;
        (one.contains(&a) && other.contains(&b)) || (one.contains(&b) && other.contains(&a))
    }
}

#[derive(Debug)]
struct Backlog {
    /// Whose it is: one that is dropped late must not close the port of its successor.
    listener: u64,
    ends: VecDeque<End>,
    acceptor: Option<Waker>,
}

/// The network.
#[derive(Debug)]
pub struct State {
    /// One way.
    pub latency: Delay,
    random: StdRng,
    hosts: BTreeSet<IpAddr>,
    names: BTreeMap<String, Vec<IpAddr>>,
    listeners: BTreeMap<SocketAddr, Backlog>,
    conns: BTreeMap<u64, Conn>,
    cuts: Vec<Cut>,
    lost: BTreeMap<IpAddr, Instant>,
    next_id: u64,
}

impl State {
    /// An empty one.
    pub fn new(random: StdRng) -> Self {
        Self {
            latency: Delay::NONE,
            random,
            hosts: BTreeSet::new(),
            names: BTreeMap::new(),
            listeners: BTreeMap::new(),
            conns: BTreeMap::new(),
            cuts: Vec::new(),
            lost: BTreeMap::new(),
            next_id: 0,
        }
    }

    /// How long the next way takes.
    pub fn way(&mut self) -> Duration {
        self.latency.draw(&mut self.random)
    }

    /// A host is there, as a new one if it was lost.
    pub fn up(&mut self, address: IpAddr) {
        self.hosts.insert(address);
        self.lost.remove(&address);
    }

    /// What a name stands for.
    pub fn set_name(&mut self, name: &str, addresses: &[IpAddr]) {
        self.names.insert(name.trim_end_matches('.').to_owned(), addresses.to_vec());
    }

    /// Addresses of `name:port`.
    pub fn resolve(&self, to: &str) -> Vec<SocketAddr> {
        if let Ok(address) = to.parse() {
            return vec![address];
        }
        let Some((name, port)) = to.rsplit_once(':') else { return Vec::new() };
        let Ok(port) = port.parse() else { return Vec::new() };
        let known = self.names.get(name.trim_end_matches('.'));
        known.into_iter().flatten().map(|&address| SocketAddr::new(address, port)).collect()
    }

    /// Since when nothing gets through between two hosts.
    pub fn silent_since(&self, one: IpAddr, other: IpAddr) -> Option<Instant> {
        let lost = [one, other].into_iter().filter_map(|host| self.lost.get(&host).copied());
        self.cuts.iter().filter(|cut| cut.is_between(one, other)).map(|cut| cut.since).chain(lost).min()
    }

    /// Nothing gets through between two groups.
    pub fn cut(&mut self, one: &[IpAddr], other: &[IpAddr], since: Instant) {
        self.cuts.push(Cut { sides: [one.to_vec(), other.to_vec()], since });
        self.wake_all();
    }

    /// All cuts are mended; who is lost stays so.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.wake_all();
    }

    /// A host's streams are reset, its ports closed.
    pub fn kill(&mut self, address: IpAddr) {
        self.close_ports(address);
        for conn in self.conns.values_mut().filter(|conn| conn.hosts.contains(&address)) {
            conn.reset = true;
        }
        self.wake_all();
    }

    /// A host is heard no more.
    pub fn lose(&mut self, address: IpAddr, now: Instant) {
        self.hosts.remove(&address);
        self.lost.insert(address, now);
        self.close_ports(address);
        self.wake_all();
    }

    fn close_ports(&mut self, address: IpAddr) {
        let on_host = self.listeners.iter().filter(|(listens, _)| listens.ip() == address);
        let ports: Vec<_> = on_host.map(|(listens, backlog)| (*listens, backlog.listener)).collect();
        for (port, listener) in ports {
            self.unlisten(port, listener);
        }
    }

    fn wake_all(&mut self) {
        self.conns.values_mut().for_each(Conn::wake);
    }

    /// Listens on a port; gives its address, and the listener's number.
    pub fn listen(&mut self, host: IpAddr, port: u16) -> io::Result<(SocketAddr, u64)> {
        let free = |port: &u16| !self.listeners.contains_key(&SocketAddr::new(host, *port));
        let port = if port == 0 { (EPHEMERAL..u16::MAX).find(free) } else { Some(port).filter(free) };
        let address = SocketAddr::new(host, port.ok_or(io::ErrorKind::AddrInUse)?);
        self.next_id += 1;
        let backlog = Backlog { listener: self.next_id, ends: VecDeque::new(), acceptor: None };
        self.listeners.insert(address, backlog);
        Ok((address, self.next_id))
    }

    /// Nobody listens there any more; who waits to be taken is reset.
    pub fn unlisten(&mut self, address: SocketAddr, listener: u64) {
        if self.listeners.get(&address).is_none_or(|backlog| backlog.listener != listener) {
            return;
        }
        let Some(backlog) = self.listeners.remove(&address) else { return };
        for end in backlog.ends {
            self.reset(end);
            self.release(end);
        }
        if let Some(acceptor) = backlog.acceptor {
            acceptor.wake();
        }
    }

    /// A connection attempt arrives.
    pub fn arrive(&mut self, from: IpAddr, to: SocketAddr, now: Instant) -> Arrival {
        if self.silent_since(from, to.ip()).is_some_and(|since| since <= now) || !self.hosts.contains(&to.ip()) {
            return Arrival::Lost;
        }
        let Some(backlog) = self.listeners.get_mut(&to) else { return Arrival::Refused };
        if backlog.ends.len() >= BACKLOG {
            return Arrival::Lost;
        }
        self.next_id += 1;
        let port = EPHEMERAL + (self.next_id % u64::from(u16::MAX - EPHEMERAL)) as u16;
        let (id, local) = (self.next_id, SocketAddr::new(from, port));
        backlog.ends.push_back(End { id, side: 1, local: to, peer: local });
        if let Some(acceptor) = backlog.acceptor.take() {
            acceptor.wake();
        }
        let hosts = [from, to.ip()];
        self.conns.insert(id, Conn { hosts, pipes: Default::default(), reset: false, gone: false, held: 2 });
        Arrival::Taken(End { id, side: 0, local, peer: to })
    }

    /// The next connection to a port.
    pub fn poll_accept(&mut self, address: SocketAddr, listener: u64, context: &Context<'_>) -> Poll<io::Result<End>> {
        let backlog = self.listeners.get_mut(&address).filter(|backlog| backlog.listener == listener);
        let Some(backlog) = backlog else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        if let Some(end) = backlog.ends.pop_front() {
            return Poll::Ready(Ok(end));
        }
        backlog.acceptor = Some(context.waker().clone());
        Poll::Pending
    }

    /// The stream of an end.
    pub fn conn(&mut self, end: End) -> Option<&mut Conn> {
        self.conns.get_mut(&end.id)
    }

    /// Ends a stream at once, for both ends.
    pub fn reset(&mut self, end: End) {
        if let Some(conn) = self.conn(end) {
            conn.reset = true;
            conn.wake();
        }
    }

    /// An end is held no more.
    pub fn release(&mut self, end: End) {
        if let Some(conn) = self.conn(end) {
            conn.held -= 1;
            if conn.held == 0 {
                self.conns.remove(&end.id);
            }
        }
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.conns.values().filter(|conn| !conn.reset).count()
    }
}

impl Conn {
    /// Everyone who waits looks again.
    pub fn wake(&mut self) {
        self.pipes.iter_mut().for_each(Pipe::wake);
    }
}
