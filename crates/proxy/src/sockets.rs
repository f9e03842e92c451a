//! How many connections the process may have: those of clients, and those to upstreams.
//!
//! Both are kept below what the kernel allows, so that neither takes what the other needs, nor what is needed besides:
//! to speak to the hub and the API server, to be probed and looked at, to look up names.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit},
};

use crate::shortage::Shortage;

/// Descriptors for everything else: an eighth of all, within these bounds. Few are enough, and more can be of use.
const RESERVE: (u64, u64) = (96, 1024);
/// More than that is no bound.
const MOST: u64 = 1 << 24;

/// What there is for connections.
fn left(descriptors: u64) -> u64 {
    let reserve = (descriptors / 8).clamp(RESERVE.0, RESERVE.1);
    descriptors.saturating_sub(reserve)
}

/// The connections of a process.
#[derive(Debug)]
pub struct Sockets {
    most: usize,
    most_upstreams: usize,
    clients: Arc<Semaphore>,
    upstreams: Arc<Semaphore>,
    open: AtomicUsize,
    shortages: [AtomicU64; Shortage::ALL.len()],
    short: Notify,
}

impl Default for Sockets {
    /// Without a bound that matters.
    fn default() -> Self {
        Self::of(MOST * 4)
    }
}

impl Sockets {
    /// Those of a process that may have so many file descriptors: as many to upstreams as of clients.
    pub fn of(descriptors: u64) -> Self {
        Self::shared(left(descriptors), left(descriptors) / 2)
    }

    /// The same for a process that holds requests, which have no upstream meanwhile: two thirds for clients.
    pub fn of_holding(descriptors: u64) -> Self {
        Self::shared(left(descriptors), left(descriptors) / 3)
    }

    fn shared(all: u64, upstreams: u64) -> Self {
        let [most, most_upstreams] = [all - upstreams, upstreams].map(|part| part.clamp(1, MOST) as usize);
        Self {
            most,
            most_upstreams,
            clients: Arc::new(Semaphore::new(most)),
            upstreams: Arc::new(Semaphore::new(most_upstreams)),
            open: AtomicUsize::new(0),
            shortages: Default::default(),
            short: Notify::new(),
        }
    }

    /// Connections of clients at most.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Connections to upstreams at most.
    pub const fn most_upstreams(&self) -> usize {
        self.most_upstreams
    }

    /// Connections of clients that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How often there was too little of it.
    pub fn shortages(&self, of: Shortage) -> u64 {
        self.shortages[of as usize].load(Ordering::Relaxed)
    }

    /// Waits until there is too little of something, if that has not happened since the last time.
    pub async fn short(&self) {
        self.short.notified().await;
    }

    /// There is too little of it.
    pub(crate) fn note(&self, shortage: Shortage) {
        self.shortages[shortage as usize].fetch_add(1, Ordering::Relaxed);
        self.short.notify_one();
    }

    /// Most that one listener may take: a flood on one leaves something to the others.
    pub(crate) const fn most_of_a_listener(&self) -> usize {
        self.most - self.most / 8
    }

    /// A place for a client, if there is one; it has to come back by [`Self::left`].
    pub(crate) fn try_place(&self) -> Option<SemaphorePermit<'_>> {
        self.clients.try_acquire().ok()
    }

    /// The same once there is one.
    pub(crate) async fn place(&self) -> SemaphorePermit<'_> {
        self.clients.acquire().await.expect("the semaphore is never closed")
    }

    /// A client has come into its place.
    pub(crate) fn came(&self, place: SemaphorePermit<'_>) {
        place.forget();
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// It has left.
    pub(crate) fn left(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.clients.add_permits(1);
    }

    /// A place for a port that is listened on, which takes a descriptor as a client does.
    pub(crate) fn listening(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.clients).try_acquire_owned().map_err(|_| io::Error::other(Shortage::Connections))
    }

    /// Room for a connection to an upstream.
    pub(crate) fn room(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.upstreams).try_acquire_owned().map_err(|_| io::Error::other(Shortage::Connections))
    }
}

/// A stream to an upstream that has its room for as long as it is open.
pub(crate) struct Roomy<I> {
    io: I,
    _room: OwnedSemaphorePermit,
}

impl<I> Roomy<I> {
    pub(crate) const fn new(io: I, room: OwnedSemaphorePermit) -> Self {
        Self { io, _room: room }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Roomy<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Roomy<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_for_everything_else() {
        let both = |sockets: Sockets| (sockets.most(), sockets.most_upstreams());
        assert_eq!(both(Sockets::of(256)), (80, 80));
        assert_eq!(both(Sockets::of(1024)), (448, 448));
        assert_eq!(both(Sockets::of(10)), (1, 1), "one at a time is better than none");
        assert_eq!(both(Sockets::of(u64::MAX)), (1 << 24, 1 << 24));
        assert_eq!(both(Sockets::of_holding(256)), (107, 53));
        let usual = Sockets::of_holding(20_000);
        assert!(usual.most_of_a_listener() >= 10_000, "{usual:?}");
    }

    #[tokio::test]
    async fn a_shortage_is_told_once_whoever_asks_later() {
        let sockets = Sockets::of(98);
        assert_eq!(sockets.most(), 1);
        let room = sockets.room().expect("the first has room");
        assert_eq!(sockets.room().map_err(|full| Shortage::of(&full)).err(), Some(Some(Shortage::Connections)));
        drop(room);
        assert!(sockets.room().is_ok());
        for _ in 0..3 {
            sockets.note(Shortage::Ports);
        }
        sockets.short().await;
        assert_eq!((sockets.shortages(Shortage::Ports), sockets.shortages(Shortage::Memory)), (3, 0));
        assert!(futures_util::FutureExt::now_or_never(sockets.short()).is_none());
    }
}
