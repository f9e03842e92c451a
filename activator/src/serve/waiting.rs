//! A request that finds no place at once.

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use proxy::{Failure, body::ReadAhead, headers, net::Dial};
use tokio::time::Instant;

use super::{Activator, Asked, Visit};
use crate::{
    hold,
    pick::Lease,
    revision::Revision,
    route::{Ask, route},
    table::Table,
};

impl<D: Dial> Visit<D> {
    /// Waits for a revision and a pod and reads the body meanwhile, by which a client that leaves is noticed. A client
    /// that `waits` for leave to send its body (RFC 9110, 10.1.1) gets it only from a pod.
    pub(super) async fn hold(
        &mut self,
        asked: &Asked,
        request: &mut Request<Incoming>,
        waits: bool,
    ) -> Result<(Arc<Revision>, Lease, Option<ReadAhead>), Failure> {
        headers::own(request);
        if waits || request.body().is_end_stream() {
            let (revision, lease) = self.place(asked).await?;
            return Ok((revision, lease, None));
        }
        let room = &self.activator.shared.room;
        let budget = self.routed.as_ref().map_or_else(|| room.door(), |routed| routed.room()).bodies();
        let mut ahead = ReadAhead::new(budget);
        let (revision, lease) = tokio::select! {
            place = self.place(asked) => place?,
            // Nobody reads this answer.
            _ = ahead.departed(request.body_mut()) => return Err(Failure::BadRequest(StatusCode::BAD_REQUEST, "the client left")),
        };
        Ok((revision, lease, Some(ahead)))
    }

    /// Waits at the door until what was asked for leads to a revision, and then for one of its pods.
    async fn place(&mut self, asked: &Asked) -> Result<(Arc<Revision>, Lease), Failure> {
        let revision = match self.routed.clone() {
            Some(revision) => revision,
            None => self.enter(asked).await?,
        };
        let lease = match revision.take() {
            Some(lease) => lease,
            None => self.wait(&revision).await?,
        };
        Ok((revision, lease))
    }

    async fn enter(&mut self, Asked { authority, headers }: &Asked) -> Result<Arc<Revision>, Failure> {
        let Activator { shared, tables, .. } = &*self.activator;
        let find = |table: &Table| route(table, Ask { door: self.door, authority, headers });
        let deadline = self.held_until(shared.hold_timeout);
        let target = hold::door::wait(&shared.room, tables, find, deadline, &mut self.held)
            .await
            .inspect_err(|failure| shared.metrics.rejected(failure.reason()))?;
        Ok(Arc::clone(self.lead_to(target)))
    }

    pub(super) async fn wait(&mut self, revision: &Arc<Revision>) -> Result<Lease, Failure> {
        let shared = &self.activator.shared;
        let deadline = self.held_until(shared.hold_timeout.min(revision.request_timeout));
        hold::wait(revision, self.arrived, deadline, &mut self.held)
            .await
            .inspect_err(|failure| shared.metrics.rejected(failure.reason()))
    }

    /// Our own limit or the client's, whichever is shorter.
    fn held_until(&self, limit: Duration) -> Instant {
        self.arrived + self.patience.map_or(limit, |patience| patience.min(limit))
    }
}
