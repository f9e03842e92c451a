//! An answer that is on its way to the client.

use std::sync::Arc;

use http::StatusCode;
use proxy::body::Guard;
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
    pub(super) status: StatusCode,
    pub(super) outcomes: Option<Arc<Counts>>,
    pub(super) telling: Option<Box<Telling>>,
    pub(super) _lease: Lease,
}

impl Guard for Answering {
    fn broken(&mut self) {
        if let Some(telling) = &mut self.telling {
            telling.broken();
        }
        if let Some(outcomes) = &self.outcomes
            && !self.status.is_server_error()
        {
            outcomes.broke();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.metrics.answered(self.method, self.status, self.arrived.elapsed());
        self.revision.answered(self.status);
    }
}
