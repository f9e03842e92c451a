//! A request that has a place in a pod: there and back, and once more where that does no harm.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Request, Response};
use proxy::{
    Body, Failure, error,
    forward::{self, Failed, REFUSED, Spare},
    net::Dial,
    upstream::SendError,
};
use tokio::time::{Instant, sleep};

use super::Visit;
use crate::{
    hold::Held,
    metrics::Phase,
    pick::Lease,
    retry::{Mishap, Mishaps, Verdict},
    revision::{Revision, Shared},
};

/// Set on the answer to a request that found no pod.
pub(crate) const COLD_START: HeaderName = HeaderName::from_static("todoapp-cold-start");
/// W3C Server Timing.
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

impl<D: Dial> Visit<D> {
    /// Sends the request to the pod of the lease, and to another one as long as that does no harm. Gives the head of the
    /// answer, the lease of the pod that gave it, and when the request went out.
    pub(super) async fn send(
        &mut self,
        revision: &Arc<Revision>,
        mut lease: Lease,
        request: Request<Body>,
    ) -> Result<(Response<Body>, Lease, Instant), Failure> {
        let deadline = self.arrived + revision.request_timeout;
        let (spare, mut request) = Spare::of(request, &self.activator.kept);
        let mut mishaps = Mishaps::default();
        loop {
            let sent = Instant::now();
            let pool = &self.activator.pool;
            let attempt = forward::send(pool, lease.address(), revision.protocol, request, deadline).await;
            let mishap = match &attempt {
                Ok(response) if response.headers().contains_key(REFUSED) => Mishap::Refused,
                Ok(response) if broke(response) => Mishap::Broken,
                Err(Failed::Send(SendError::Unsent { cause, .. })) => Mishap::Unsent(cause),
                Err(Failed::Send(SendError::Refused(_))) => Mishap::Refused,
                Err(Failed::Send(SendError::Broken(_))) => Mishap::Broken,
                Ok(_) | Err(Failed::Timeout | Failed::ResponseStart | Failed::Idle) => {
                    return attempt.map(|head| (head, lease, sent)).map_err(Failure::from);
                }
            };
            let verdict = mishaps.judge(mishap, spare.is_idempotent());
            if verdict == Verdict::Elsewhere {
                revision.refused(lease.address());
            }
            let again = if verdict == Verdict::No { None } else { spare.again() };
            let Some(again) = again else {
                return attempt.map(|head| (head, lease, sent)).map_err(Failure::from);
            };
            self.activator.shared.metrics.retried(mishap.name());
            request = again;
            drop(lease);
            if let Verdict::Later(pause) = verdict {
                sleep(pause).await;
            }
            lease = match revision.take() {
                Some(lease) => lease,
                None => self.wait(revision).await?,
            };
        }
    }
}

/// Whether the app's process died of it or with it, and the queue-proxy lives to say so.
fn broke(response: &Response<Body>) -> bool {
    error::told(response.headers()) == Some(Failure::UpstreamBroken(String::new()).reason())
}

/// Says in the answer, and counts, where the time of a held request went.
pub(super) fn tell_of_hold(
    response: &mut Response<Body>,
    held: &Held,
    arrived: Instant,
    sent: Instant,
    shared: &Shared,
) {
    let app = sent.elapsed();
    let mut timing = format!("hold;dur={:.1}", millis(held.waited));
    if let Some(woke) = held.woke {
        let wake = woke.saturating_duration_since(arrived);
        timing = format!("{timing}, wake;dur={:.1}", millis(wake));
        shared.metrics.phase(Phase::Release, sent.saturating_duration_since(woke));
    }
    let timing = format!("{timing}, app;dur={:.1}", millis(app));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(timing) {
        // Appended: the app may have timings of its own.
        headers.append(SERVER_TIMING, value);
    }
    if held.cold {
        headers.insert(COLD_START, HeaderValue::from_static("true"));
        shared.metrics.phase(Phase::App, app);
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
