//! Bodies larger than any memory pass in a few megabytes of it. As large as `BODY_BYTES` says, half a gibibyte by default:
//!
//! ```console
//! $ BODY_BYTES=10737418240 cargo test --release -p proxy --test large
//! ```

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    alloc::System,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use proxy::{
    Body, BoxError,
    upstream::{Pool, PoolLimits},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::*;
use wire::Protocol::{self, H2c, Http1};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BODY_BYTES: u64 = 512 << 20;
/// Windows and buffers of four connections, with room.
const MEMORY_MAX: usize = 16 << 20;
const LONG: Duration = Duration::from_mins(15);

static PIECE: [u8; 256 << 10] = [7; 256 << 10];

/// So many bytes that take no memory.
struct Generated {
    left: u64,
    known: bool,
}

impl HttpBody for Generated {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let some = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE.len());
        self.left -= some as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE[..some])))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.known { SizeHint::with_exact(self.left) } else { SizeHint::default() }
    }
}

fn size() -> u64 {
    std::env::var("BODY_BYTES").map_or(BODY_BYTES, |bytes| bytes.parse().expect("BODY_BYTES is a number of bytes"))
}

fn generated(known: bool) -> Body {
    Body::boxed(Generated { left: size(), known })
}

fn memory() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Reads it all: how many bytes there were, and the most memory that was in use meanwhile.
async fn drained(mut body: Incoming) -> (u64, usize) {
    let (mut came, mut most) = (0, 0);
    while let Some(frame) = body.frame().await {
        came += frame.unwrap().data_ref().map_or(0, Bytes::len) as u64;
        most = most.max(memory());
    }
    (came, most)
}

/// One client's request, by HTTP/1 or HTTP/2.
async fn send(to: SocketAddr, protocol: Protocol, request: Request<Body>) -> Response<Incoming> {
    match protocol {
        Http1 => h1(to).await.send_request(request).await,
        H2c => h2(to).await.send_request(request).await,
    }
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_larger_than_memory_pass_both_ways() {
    // Up: tells how much came, and the memory. Down: sends as much.
    let app = serve(|request: Request<Incoming>, _| async move {
        if request.method() == Method::GET {
            return Response::new(generated(request.uri().path() == "/known"));
        }
        let (came, most) = drained(request.into_body()).await;
        answer(format!("{came} {most}"))
    });
    let pool = || Pool::new(PoolLimits::default());
    let passing = async {
        for (protocol, path) in [(Http1, "/known"), (H2c, "/unknown")] {
            let near = proxy_with(app.address, protocol, pool(), LONG);
            let far = proxy_with(near.address, protocol, pool(), LONG);
            let before = memory();
            let target = format!("http://a{path}");

            let up = Request::post(&target).header("host", "a").body(generated(protocol == Http1)).unwrap();
            let told = text(send(far.address, protocol, up).await).await;
            let (came, most) = told.split_once(' ').unwrap();
            assert_eq!(came, size().to_string(), "{protocol:?} up");
            let most: usize = most.parse().unwrap();
            assert!(most < before + MEMORY_MAX, "{protocol:?} up: {before} to {most}");

            let down = Request::get(&target).header("host", "a").body(Body::empty()).unwrap();
            let (came, most) = drained(send(far.address, protocol, down).await.into_body()).await;
            assert_eq!(came, size(), "{protocol:?} down");
            assert!(most < before + MEMORY_MAX, "{protocol:?} down: {before} to {most}");
        }
    };
    tokio::time::timeout(LONG, passing).await.expect("took too long");
}
