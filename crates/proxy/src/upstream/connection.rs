//! A connection of HTTP/1, which has one message at a time, and how it breaks.

use std::{
    error::Error as _,
    future::poll_fn,
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};
use tokio::time::Instant;

use super::{driven::Driven, home::Home};
use crate::Body;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Body>,
    /// `None`: it has a task of its own.
    driven: Option<Driven>,
}

impl Connection {
    /// Driven by whoever has it.
    pub(super) fn new(sender: SendRequest<Body>, driven: Driven) -> Self {
        Self { sender, driven: Some(driven) }
    }

    /// Drives it until `look` finds something of it.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match &mut self.driven {
            Some(driven) => driven.drive(cx, look),
            None => look(cx),
        }
    }

    /// Takes note of what came while nobody looked; whether it may be used.
    pub(super) fn look(&mut self) -> bool {
        if let Some(driven) = &mut self.driven {
            driven.turn();
        }
        self.is_ready()
    }

    /// As far as is known: that it was closed meanwhile is noticed before anything is sent.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Sends a request. Should that break the connection, the free ones of its home go too.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Body>,
        home: &Home,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut sent = pin!(self.sender.try_send_request(request));
        let answer = match &mut self.driven {
            Some(driven) => poll_fn(|cx| driven.drive(cx, |cx| sent.as_mut().poll(cx))).await,
            None => sent.await,
        };
        answer.inspect_err(|error| {
            if error.message().is_none() && lost(error) {
                home.broke();
            }
        })
    }

    /// From now on it has a task of its own.
    pub(super) fn let_go(&mut self) {
        if let Some(driven) = self.driven.take() {
            driven.let_go();
        }
    }

    /// Back to its home: at once if it is ready, as nearly always; otherwise when it is.
    pub(super) fn go_home(mut self, home: Arc<Home>) {
        if self.is_ready() || self.look() {
            if let Some(driven) = &self.driven {
                driven.rest();
            }
            home.put(self);
            return;
        }
        self.let_go();
        tokio::spawn(async move {
            if self.sender.ready().await.is_ok() {
                home.put(self);
            }
        });
    }
}

/// A free connection.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) connection: Connection,
    pub(super) since: Instant,
}

/// The connection went away without a byte of an answer.
pub(super) fn lost(error: &TrySendError<Request<Body>>) -> bool {
    let error = error.error();
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>())
            .is_some_and(|cause| matches!(cause.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
}
