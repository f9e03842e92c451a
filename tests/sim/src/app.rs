//! The application of a pod: answers after a while, says who it is, may start slowly or die early.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;
use proxy::Body;
use proxy::listen::{self, ConnInfo, Limits};
use rand::RngExt;
use rand::rngs::StdRng;
use testkit::Delay;
use testkit::net::Host;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::executions::Executions;

/// Port of every application.
pub const PORT: u16 = 8080;
/// Header of an answer: which pod gave it.
pub const POD: &str = "x-pod";
/// After its end nothing is left of a connection.
const GOODBYE: Duration = Duration::from_millis(100);

/// How an application behaves.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// From the start of the process until it listens.
    pub start: Delay,
    /// From a request to its answer.
    pub work: Delay,
    /// From the start of the process until it ends by itself.
    pub crash: Option<Delay>,
    /// Which of its answers are errors.
    pub fails: Fails,
}

/// Which answers of an application are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// None.
    Never,
    /// So many of a hundred, by chance.
    Percent(u32),
    /// All, for seconds at a time, and then none for as long.
    Flapping(u64),
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { start: Delay::between_ms(20, 200), work: Delay::ms(200), crash: None, fails: Fails::Never }
    }
}

/// Runs until `end`; gives an exit code when it ends by itself.
pub async fn run(
    host: Host,
    behaviour: Behaviour,
    executions: Arc<Executions>,
    mut random: StdRng,
    end: CancellationToken,
) -> i32 {
    let crash = behaviour.crash.map(|after| after.draw(&mut random));
    let dies = async {
        match crash {
            Some(after) => sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = dies => 1,
        () = serve(host, behaviour, executions, random, end) => 0,
    }
}

async fn serve(
    host: Host,
    behaviour: Behaviour,
    executions: Arc<Executions>,
    mut random: StdRng,
    end: CancellationToken,
) {
    let start = behaviour.start.draw(&mut random);
    if end.run_until_cancelled(sleep(start)).await.is_none() {
        return;
    }
    let Ok(listener) = host.listen(PORT) else { return };
    let (pod, random) = (host.address(), Arc::new(Mutex::new(random)));
    let begun = Instant::now();
    let handler = move |request: Request<Incoming>, _: ConnInfo| {
        if request.method() == Method::POST {
            executions.note(request.uri().path());
        }
        let mut random = random.lock();
        let fails = match behaviour.fails {
            Fails::Never => false,
            Fails::Percent(percent) => random.random_range(0..100) < percent,
            Fails::Flapping(seconds) => (begun.elapsed().as_secs() / seconds) % 2 == 1,
        };
        answer(pod, request, behaviour.work.draw(&mut *random), fails)
    };
    listen::serve(listener, handler, Limits::default(), end, GOODBYE).await;
}

/// The answer repeats the path, so that a client knows its own.
async fn answer(pod: IpAddr, request: Request<Incoming>, work: Duration, fails: bool) -> Response<Body> {
    sleep(work).await;
    let mut response = Response::new(Body::full(request.uri().path().to_owned()));
    if fails {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    if let Ok(pod) = pod.to_string().parse() {
        response.headers_mut().insert(POD, pod);
    }
    response
}
