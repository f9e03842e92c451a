//! A body that is kept while it is sent, so that it can be sent once more.
//!
//! What is read of it is kept up to the bounds of a [`Budget`](super::Budget); beyond them it is passed on and can be
//! sent only once.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use parking_lot::Mutex;

use super::{Body, BoxError, Budget, ahead::Share};

/// Another attempt reads the body now.
#[derive(Debug, thiserror::Error)]
#[error("the body is sent elsewhere")]
struct Superseded;

#[derive(Debug)]
struct Tee {
    frames: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    rest: Option<Body>,
    /// Everything that was read is in `frames`.
    whole: bool,
    share: Share,
    /// The attempt that may read.
    turn: u32,
}

impl Tee {
    fn keep(&mut self, data: &Bytes) {
        if self.whole && self.share.may_grow() {
            self.share.grow(data.len());
            self.frames.push(data.clone());
        } else {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.whole = false;
        self.frames = Vec::new();
        self.share.give_back();
    }
}

/// The body of one attempt.
#[derive(Debug)]
pub(super) struct Kept {
    tee: Arc<Mutex<Tee>>,
    turn: u32,
    /// Frames that this attempt has passed on.
    passed: usize,
    ended: bool,
}

/// What can give the body again. While it exists the body is kept.
#[derive(Debug)]
pub(crate) struct Keeper(Arc<Mutex<Tee>>);

impl Keeper {
    /// Keeps `body`; gives the first attempt's.
    pub(crate) fn of(body: Body, budget: &Arc<Budget>) -> (Self, Body) {
        let share = Share::of(Arc::clone(budget));
        let tee = Tee { frames: Vec::new(), trailers: None, rest: Some(body), whole: true, share, turn: 0 };
        let keeper = Self(Arc::new(Mutex::new(tee)));
        let first = keeper.attempt(0);
        (keeper, first)
    }

    /// The body from its beginning, if all of it is still there. The attempt before reads no more.
    pub(crate) fn again(&self) -> Option<Body> {
        let mut tee = self.0.lock();
        if !tee.whole {
            return None;
        }
        tee.turn += 1;
        let turn = tee.turn;
        drop(tee);
        Some(self.attempt(turn))
    }

    fn attempt(&self, turn: u32) -> Body {
        Body::kept(Kept { tee: Arc::clone(&self.0), turn, passed: 0, ended: false })
    }
}

impl Kept {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut tee = self.tee.lock();
        if tee.turn != self.turn {
            return Poll::Ready(Some(Err(Box::new(Superseded))));
        }
        if let Some(frame) = tee.frames.get(self.passed) {
            self.passed += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        let Some(rest) = &mut tee.rest else {
            let trailers = tee.trailers.clone().filter(|_| !self.ended);
            self.ended = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let frame = ready!(Pin::new(&mut *rest).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if rest.is_end_stream() {
                    tee.rest = None;
                }
                if let Some(data) = frame.data_ref() {
                    if Arc::strong_count(&self.tee) > 1 {
                        tee.keep(data);
                    } else {
                        tee.forget();
                    }
                    self.passed = tee.frames.len();
                } else {
                    tee.trailers = frame.trailers_ref().cloned();
                    tee.rest = None;
                    self.ended = true;
                }
            }
            Some(Err(_)) => tee.forget(),
            None => tee.rest = None,
        }
        Poll::Ready(frame)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let tee = self.tee.lock();
        let trailers = tee.trailers.is_some() && !self.ended;
        self.passed >= tee.frames.len() && !trailers && tee.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let tee = self.tee.lock();
        let kept = tee.frames.iter().skip(self.passed).map(|frame| frame.len() as u64).sum::<u64>();
        let mut hint = tee.rest.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + kept);
        }
        hint.set_lower(hint.lower() + kept);
        hint
    }
}
