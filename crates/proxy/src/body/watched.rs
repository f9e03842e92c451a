//! A body whose movement counts, and that breaks when nothing has moved for too long.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::{Body, BoxError};
use crate::idle::Idle;

/// Nothing moved for as long as the revision allows.
#[derive(Debug, thiserror::Error)]
#[error("nothing moved for too long")]
pub struct Stalled;

pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) idle: Idle,
    /// Breaks the body; without it the body only tells that it moves.
    pub(super) sleep: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.idle.moved();
            return Poll::Ready(frame);
        }
        let Some(sleep) = &mut this.sleep else { return Poll::Pending };
        while sleep.as_mut().poll(cx).is_ready() {
            let until = this.idle.until();
            if until <= Instant::now() {
                this.body = Body::empty();
                return Poll::Ready(Some(Err(Box::new(Stalled))));
            }
            sleep.as_mut().reset(until);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
