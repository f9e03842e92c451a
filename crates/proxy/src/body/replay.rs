//! A body of which the beginning was read before.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::{BoxError, ahead::Share};

/// The bytes that were read, then the rest of the body or its trailers.
#[derive(Debug)]
pub(super) struct Replay {
    read: Bytes,
    rest: Option<Incoming>,
    trailers: Option<HeaderMap>,
    /// Part of the budget that `read` occupies.
    share: Option<Share>,
}

impl Replay {
    pub(super) const fn new(read: Bytes, rest: Option<Incoming>, trailers: Option<HeaderMap>, share: Share) -> Self {
        Self { read, rest, trailers, share: Some(share) }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.read.is_empty() {
            self.share = None;
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.read)))));
        }
        if let Some(rest) = &mut self.rest {
            return Pin::new(rest).poll_frame(cx).map_err(Into::into);
        }
        Poll::Ready(self.trailers.take().map(|t| Ok(Frame::trailers(t))))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.trailers.is_none() && self.rest.as_ref().is_none_or(Incoming::is_end_stream)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let mut hint = match &self.rest {
            Some(rest) => rest.size_hint(),
            None => SizeHint::with_exact(0),
        };
        let read = self.read.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + read);
        }
        hint.set_lower(hint.lower() + read);
        hint
    }
}
