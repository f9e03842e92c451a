//! Reading a request's body while the request is held.
//!
//! Two gains: small bodies arrive whole, and hyper notices that a client has left only while somebody reads.
//! What is kept is bounded twice, by request and in all; beyond either bound the client waits in TCP's or HTTP/2's
//! flow control. Bytes are copied into one buffer, so that the count is what they really occupy.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::BytesMut;
use http::HeaderMap;
use http_body::Body as _;
use hyper::body::Incoming;

use super::{Body, BoxError, replay::Replay};

/// What all held requests of a process may have in memory.
///
/// The bound is looked at before a frame is read, so it can be passed by one frame (32 KiB) for each worker thread.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    total: usize,
    per_request: usize,
    /// What is used of this one is used of that one too.
    within: Option<Arc<Budget>>,
}

impl Budget {
    /// Bounds in bytes: for all requests together and for each.
    pub fn new(total: usize, per_request: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), total, per_request, within: None })
    }

    /// A bound in bytes on a part of another budget.
    pub fn within(whole: Arc<Self>, total: usize) -> Arc<Self> {
        let per_request = whole.per_request;
        Arc::new(Self { used: AtomicUsize::new(0), total, per_request, within: Some(whole) })
    }

    /// Its bound in bytes.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whether more may be read.
    pub fn has_room(&self) -> bool {
        self.chain().all(|budget| budget.used() < budget.total)
    }

    /// Bytes that are held now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// This one and those that it is a part of.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |budget| budget.within.as_deref())
    }
}

/// One request's part of the budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    pub(super) const fn of(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    pub(super) fn may_grow(&self) -> bool {
        self.bytes < self.budget.per_request && self.budget.has_room()
    }

    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        for budget in self.budget.chain() {
            budget.used.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        for budget in self.budget.chain() {
            budget.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What was read of the body of a held request. The body itself stays with its request and is lent to each call: a held
/// request is not to be in memory twice.
#[derive(Debug)]
pub struct ReadAhead {
    read: BytesMut,
    trailers: Option<HeaderMap>,
    ended: bool,
    share: Share,
}

impl ReadAhead {
    /// Nothing yet.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { read: BytesMut::new(), trailers: None, ended: false, share: Share::of(budget) }
    }

    /// Reads until the body has ended or a budget is spent. Cancel-safe.
    ///
    /// # Errors
    /// The body broke: the client has left.
    pub async fn fill(&mut self, body: &mut Incoming) -> Result<(), BoxError> {
        poll_fn(|cx| self.poll_fill(body, cx)).await
    }

    /// Reads as [`fill`](Self::fill) does and comes back only if the client leaves: to be awaited beside the wait for
    /// a place to send the request to. After the end of the body hyper itself watches the connection.
    pub async fn departed(&mut self, body: &mut Incoming) -> BoxError {
        match self.fill(body).await {
            Err(cause) => cause,
            Ok(()) => std::future::pending().await,
        }
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.read.len()
    }

    /// Everything that was read, then the rest of the body.
    pub fn into_body(self, rest: Incoming) -> Body {
        if self.read.is_empty() && self.trailers.is_none() {
            return if self.ended { Body::empty() } else { Body::incoming(rest) };
        }
        let rest = (!self.ended).then_some(rest);
        Body::replay(Replay::new(self.read.freeze(), rest, self.trailers, self.share))
    }

    fn poll_fill(&mut self, body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ended |= body.is_end_stream();
        while !self.ended && self.share.may_grow() {
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.ended = true;
                    break;
                }
                Poll::Ready(Some(frame)) => frame?,
            };
            match frame.into_data() {
                Ok(data) => {
                    self.share.grow(data.len());
                    self.read.extend_from_slice(&data);
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
            self.ended |= body.is_end_stream();
        }
        Poll::Ready(Ok(()))
    }
}
