//! The log of one container as a stream of whole lines.

use std::pin::Pin;

use futures_util::stream::{self, BoxStream};
use futures_util::{AsyncBufRead, AsyncBufReadExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use super::lines::Lines;

/// Whole lines, or why there are no more.
pub type Piece = Result<Vec<u8>, String>;

enum State {
    Closed(Box<(Api<Pod>, LogParams)>),
    Open(Pin<Box<dyn AsyncBufRead + Send>>, Lines),
    Over,
}

/// What the container prints, until it ends.
pub fn pieces(api: Api<Pod>, pod: String, params: LogParams) -> BoxStream<'static, Piece> {
    stream::unfold(State::Closed(Box::new((api, params))), move |state| next(pod.clone(), state)).boxed()
}

async fn next(pod: String, state: State) -> Option<(Piece, State)> {
    match state {
        State::Closed(asked) => match asked.0.log_stream(&pod, &asked.1).await {
            Ok(log) => {
                let lines = Lines::of(&pod);
                Some((Ok(Vec::new()), State::Open(Box::pin(log), lines)))
            }
            Err(kube::Error::Api(status)) => Some((Err(format!("pod {pod}: {}", status.message)), State::Over)),
            Err(error) => Some((Err(format!("pod {pod}: {error}")), State::Over)),
        },
        State::Open(mut log, mut lines) => match log.fill_buf().await {
            Ok([]) => Some((Ok(lines.finish()), State::Over)),
            Ok(bytes) => {
                let (whole, read) = (lines.push(bytes), bytes.len());
                log.consume_unpin(read);
                Some((Ok(whole), State::Open(log, lines)))
            }
            Err(error) => Some((Err(format!("pod {pod}: its log broke off: {error}")), State::Over)),
        },
        State::Over => None,
    }
}
