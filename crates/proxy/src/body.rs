//! The one body type, for requests and responses alike.
//!
//! An enum instead of a boxed trait object: the common bodies (nothing, a short text, what hyper receives) cost no
//! allocation. It is kept small, because hyper's client has room for 64 requests in each connection's channel.
//! Whatever has to live as long as the body (a permit, a measurement, a deadline) is hung onto it.

mod ahead;
mod kept;
mod replay;
mod watched;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tokio::time::Sleep;

pub use self::ahead::{Budget, ReadAhead};
pub(crate) use self::kept::Keeper;
pub use self::watched::Stalled;
use self::{kept::Kept, replay::Replay, watched::Watched};
use crate::{headers, idle::Idle, upstream::Lease};

/// Any error that a body may end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body broke because its request ran out of time.
#[derive(Debug, thiserror::Error)]
#[error("the request's time is over")]
pub struct Overdue;

/// A request's or a response's body.
pub struct Body {
    kind: Kind,
    deadline: Option<Pin<Box<Sleep>>>,
    guard: Option<Box<dyn Guard>>,
}

/// What is kept as long as a body; dropped at its end, however that comes.
pub trait Guard: Send + 'static {
    /// What came after the content.
    fn ended(&mut self, _trailers: &HeaderMap) {}

    /// The body broke before its end: what it was read from failed, or its time was over. Not when its reader left.
    fn broken(&mut self) {}
}

impl Guard for () {}

enum Kind {
    Empty,
    Full(Bytes),
    Incoming(Incoming),
    /// A response's body together with the connection it comes from, which is free again when the body has ended.
    Leased(Box<Leased>),
    Replay(Box<Replay>),
    Kept(Box<Kept>),
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

struct Leased {
    body: Incoming,
    lease: Lease,
    /// Why it broke, while that is not yet told.
    broken: Option<BoxError>,
}

impl Leased {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(cause) = self.broken.take() {
            return Poll::Ready(Some(Err(cause)));
        }
        let Self { body, lease, broken } = self;
        let frame = ready!(lease.drive(cx, |cx| Pin::new(&mut *body).poll_frame(cx)));
        match frame {
            Some(Err(cause)) => {
                lease.broken();
                // A turn later: hyper throws away what it has not yet written when it hears of an error, be it the head.
                *broken = Some(cause.into());
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Ok(_)) if !body.is_end_stream() => {}
            Some(Ok(_)) | None => lease.finished(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl Body {
    /// No bytes at all.
    pub const fn empty() -> Self {
        Self::of(Kind::Empty)
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Self::of(Kind::Full(bytes)) }
    }

    /// What hyper receives, passed on as it comes.
    pub const fn incoming(body: Incoming) -> Self {
        Self::of(Kind::Incoming(body))
    }

    /// Any other body, at the price of a box.
    pub fn boxed<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::of(Kind::Boxed(body.map_err(Into::into).boxed_unsync()))
    }

    pub(crate) fn leased(body: Incoming, lease: Lease) -> Self {
        Self::of(Kind::Leased(Box::new(Leased { body, lease, broken: None })))
    }

    /// A body that tells `idle` of its movement, and breaks with [`Stalled`] when `sleep` finds that there was none.
    pub(crate) fn watched(body: Self, idle: Idle, sleep: Option<Pin<Box<Sleep>>>) -> Self {
        Self::boxed(Watched { body, idle, sleep })
    }

    fn replay(replay: Replay) -> Self {
        Self::of(Kind::Replay(Box::new(replay)))
    }

    fn kept(kept: Kept) -> Self {
        Self::of(Kind::Kept(Box::new(kept)))
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, deadline: None, guard: None }
    }

    /// Keeps `guard` until this body is dropped, which hyper does at its end, at an error and when the peer has left.
    /// A body has one guard: another takes its place.
    pub fn guard(&mut self, guard: impl Guard) {
        self.guard = Some(Box::new(guard));
    }

    /// Breaks the body with [`Overdue`] when `sleep` ends before it does: never a clean end of half an answer.
    pub fn deadline(&mut self, sleep: Pin<Box<Sleep>>) {
        self.deadline = Some(sleep);
    }

    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = self.poll_kind(cx) {
            return Poll::Ready(frame);
        }
        // Asked only when there is nothing to pass on: a quick body never touches the timer.
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            self.kind = Kind::Empty;
            return Poll::Ready(Some(Err(Box::new(Overdue))));
        }
        Poll::Pending
    }

    fn poll_kind(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Incoming(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Kind::Leased(leased) => leased.poll_frame(cx),
            Kind::Replay(body) => body.poll_frame(cx),
            Kind::Kept(body) => body.poll_frame(cx),
            Kind::Boxed(body) => Pin::new(body).poll_frame(cx),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let mut frame = ready!(this.poll_in_time(cx));
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    headers::from_trailers(trailers);
                    if let Some(guard) = &mut this.guard {
                        guard.ended(trailers);
                    }
                }
            }
            Some(Err(_)) => {
                if let Some(guard) = &mut this.guard {
                    guard.broken();
                }
            }
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Incoming(body) => body.is_end_stream(),
            Kind::Leased(leased) => leased.body.is_end_stream(),
            Kind::Replay(body) => body.is_end_stream(),
            Kind::Kept(body) => body.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(body) => body.size_hint(),
            Kind::Leased(leased) => leased.body.size_hint(),
            Kind::Replay(body) => body.size_hint(),
            Kind::Kept(body) => body.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
