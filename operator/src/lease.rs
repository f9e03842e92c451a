//! Leader election on a Lease (coordination.k8s.io/v1): who holds it reconciles, scales and runs the hub.
//!
//! Time is measured here, from the last change that was *seen*, so that clocks of different nodes need not agree
//! (as client-go's leaderelection does).

use std::time::Duration;

use api::labels::LEASE;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::clock::Clock;

/// A Lease is free when it was not renewed for this long.
const DURATION: Duration = Duration::from_secs(8);
/// A leader that could not renew for this long ends, before another may take over.
const RENEW_DEADLINE: Duration = Duration::from_secs(6);
/// Pause between two looks or renewals.
const PERIOD: Duration = Duration::from_secs(2);

/// One candidate.
pub struct Candidate {
    api: Api<Lease>,
    identity: String,
    clock: Clock,
    seen: Option<(LeaseSpec, Instant)>,
}

/// What a look at the Lease calls for.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Take,
    Wait,
}

impl Candidate {
    /// A candidate that is known by `identity`, the pod's name.
    pub fn new(client: kube::Client, namespace: &str, identity: &str, clock: Clock) -> Self {
        Self { api: Api::namespaced(client, namespace), identity: identity.to_owned(), clock, seen: None }
    }

    /// Returns when this candidate leads.
    pub async fn acquire(&mut self) {
        loop {
            match self.try_acquire().await {
                Ok(true) => {
                    info!(identity = self.identity, "leading");
                    return;
                }
                Ok(false) => sleep(PERIOD).await,
                Err(error) => {
                    warn!(%error, "cannot read or write the Lease");
                    sleep(PERIOD).await;
                }
            }
        }
    }

    /// Renews until it fails for [`RENEW_DEADLINE`]; returning means: lead no longer.
    pub async fn hold(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(PERIOD).await;
            match timeout(PERIOD, self.try_acquire()).await {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => return warn!("another holds the Lease"),
                Ok(Err(error)) => warn!(%error, "cannot renew the Lease"),
                Err(_) => warn!("cannot renew the Lease in time"),
            }
            if renewed.elapsed() > RENEW_DEADLINE {
                return;
            }
        }
    }

    /// Gives the Lease up, so that another need not wait for its end.
    pub async fn release(&mut self) {
        let Ok(Some(mut lease)) = self.api.get_opt(LEASE).await else { return };
        let Some(spec) = lease.spec.as_mut() else { return };
        if spec.holder_identity.as_deref() == Some(&self.identity) {
            spec.holder_identity = None;
            if let Err(error) = self.api.replace(LEASE, &PostParams::default(), &lease).await {
                warn!(%error, "cannot release the Lease");
            }
        }
    }

    async fn try_acquire(&mut self) -> kube::Result<bool> {
        let Some(lease) = self.api.get_opt(LEASE).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(LEASE.to_owned()), ..Default::default() },
                spec: Some(self.claim(None)),
            };
            return won(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let now = Instant::now();
        if self.seen.as_ref().is_none_or(|(old, _)| *old != spec) {
            self.seen = Some((spec.clone(), now));
        }
        let unchanged_for = self.seen.as_ref().map_or(Duration::ZERO, |(_, since)| now - *since);
        if verdict(&self.identity, &spec, unchanged_for) == Verdict::Wait {
            return Ok(false);
        }
        // The resourceVersion goes along: of two that try at once, one gets a conflict.
        let lease = Lease { spec: Some(self.claim(Some(&spec))), ..lease };
        won(self.api.replace(LEASE, &PostParams::default(), &lease).await)
    }

    fn claim(&self, old: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(self.clock.now());
        let same = old.is_some_and(|o| o.holder_identity.as_deref() == Some(&self.identity));
        let transitions = old.and_then(|o| o.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: old.filter(|_| same).and_then(|o| o.acquire_time.clone()).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if same { transitions } else { transitions + 1 }),
            ..Default::default()
        }
    }
}

/// A name that is our own may be taken at once: pod names are unique, so the holder was this pod's last container.
fn verdict(identity: &str, spec: &LeaseSpec, unchanged_for: Duration) -> Verdict {
    match spec.holder_identity.as_deref() {
        None | Some("") => Verdict::Take,
        Some(holder) if holder == identity => Verdict::Take,
        Some(_) if unchanged_for > DURATION => Verdict::Take,
        Some(_) => Verdict::Wait,
    }
}

fn won(answer: kube::Result<Lease>) -> kube::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str) -> LeaseSpec {
        LeaseSpec { holder_identity: Some(holder.to_owned()), ..Default::default() }
    }

    #[test]
    fn a_lease_is_taken_when_free_own_or_expired() {
        let short = Duration::from_secs(7);
        assert_eq!(verdict("a", &LeaseSpec::default(), Duration::ZERO), Verdict::Take);
        assert_eq!(verdict("a", &held_by("a"), Duration::ZERO), Verdict::Take);
        assert_eq!(verdict("a", &held_by("b"), short), Verdict::Wait);
        assert_eq!(verdict("a", &held_by("b"), Duration::from_secs(9)), Verdict::Take);
    }

    #[test]
    fn a_leader_ends_before_another_may_begin() {
        assert!(RENEW_DEADLINE + PERIOD <= DURATION);
    }
}
