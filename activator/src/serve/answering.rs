//! An answer that is on its way to the client.

use std::sync::Arc;

use http::HeaderMap;
use proxy::{body::Guard, headers::Outcome};
use runtime::durations::MethodLabel;
use tokio::time::Instant;

use crate::{
    access::Telling,
    outcomes::Counts,
    pick::Lease,
    revision::{Revision, Shared},
};

/// Kept until the answer is over: then the pod's place is free and the request is counted.
pub(super) struct Answering {
    pub(super) shared: Arc<Shared>,
    pub(super) revision: Arc<Revision>,
    pub(super) arrived: Instant,
    pub(super) method: MethodLabel,
    pub(super) outcome: Outcome,
    pub(super) outcomes: Option<Arc<Counts>>,
    pub(super) telling: Option<Box<Telling>>,
    pub(super) _lease: Lease,
}

impl Answering {
    /// What was counted as good is an error after all.
    fn broke(&self) {
        if let Some(outcomes) = &self.outcomes {
            outcomes.broke();
        }
    }
}

impl Guard for Answering {
    fn ended(&mut self, trailers: &HeaderMap) {
        if self.outcome.ended(trailers) {
            self.broke();
        }
    }

    fn broken(&mut self) {
        if let Some(telling) = &mut self.telling {
            telling.broken();
        }
        if self.outcome.broken() {
            self.broke();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let status = self.outcome.status();
        self.shared.metrics.answered(self.method, status, self.arrived.elapsed());
        self.revision.answered(status);
    }
}
