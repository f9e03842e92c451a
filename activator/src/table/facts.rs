//! What is kept in memory of each object: only what routing needs. Pure readings of the objects.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use api::{Visibility, condition, labels, rollout::Phase};
use k8s_openapi::{api::discovery::v1::EndpointConditions, apimachinery::pkg::apis::meta::v1::Condition};
use wire::Protocol;

use super::lean::{LeanApp, LeanRevision, LeanRollout, LeanSlice};
use crate::{endpoints::Listed, split::Sticky};

/// A `TodoApp`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AppFacts {
    /// Creation time in seconds: of two apps that claim a host the older one keeps it.
    pub(crate) created: i64,
    /// The generated host; `None` when it is not public.
    pub(crate) host: Option<Arc<str>>,
    /// Hosts of the user's own; empty when it is not public.
    pub(crate) own_hosts: Box<[Arc<str>]>,
    pub(crate) cluster_port: Option<u16>,
    pub(crate) targets: Box<[TargetFacts]>,
    /// The revisions of a release that is under way, the candidate last: what they do for users is counted.
    pub(crate) counted: Box<[Box<str>]>,
    /// By what clients stay with one revision.
    pub(crate) sticky: Option<Arc<Sticky>>,
    /// Why the operator waits for a person: reason and message. `None` while it has not read this version of the spec.
    pub(crate) stalled: Option<Box<str>>,
}

/// One entry of `status.traffic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetFacts {
    pub(crate) revision: Box<str>,
    pub(crate) percent: u32,
    pub(crate) tag: Option<Box<TagFacts>>,
}

/// A tag's own ways in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagFacts {
    /// `TAG-NAME`: name of its Service, first label of its hosts.
    pub(crate) label: Arc<str>,
    /// The generated host; `None` when the app is not public.
    pub(crate) host: Option<Arc<str>>,
    pub(crate) cluster_port: Option<u16>,
}

/// A `Revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RevisionFacts {
    pub(crate) uid: Arc<str>,
    pub(crate) app: Box<str>,
    pub(crate) limit: u32,
    pub(crate) request_timeout: Duration,
    pub(crate) protocol: Protocol,
    pub(crate) standing: Standing,
}

/// Whether a revision can start, as its Ready condition says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As far as is known.
    #[default]
    Good,
    /// Not now, but that may pass by itself; reason and message.
    Delayed(Box<str>),
    /// No; reason and message.
    Failed(Box<str>),
}

/// An `EndpointSlice`'s pods: ready or not. `None` without the label that says whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SliceFacts {
    pub(crate) revision_uid: Arc<str>,
    pub(crate) endpoints: BTreeMap<SocketAddr, Listed>,
}

impl AppFacts {
    pub(crate) fn of(app: &LeanApp) -> Self {
        let name = app.metadata.name.as_deref().unwrap_or_default();
        let public = app.spec.ingress.visibility == Visibility::Public;
        let status = app.status.clone().unwrap_or_default();
        let host = |url: &Option<String>| url.as_deref().filter(|_| public).and_then(host_of);
        Self {
            created: app.metadata.creation_timestamp.as_ref().map_or(i64::MAX, |time| time.0.as_second()),
            host: host(&status.url),
            own_hosts: if public {
                app.spec.ingress.hosts.iter().map(|host| host.to_ascii_lowercase().into()).collect()
            } else {
                Box::default()
            },
            cluster_port: status.cluster_port,
            targets: status
                .traffic
                .iter()
                .map(|target| TargetFacts {
                    revision: target.revision.as_str().into(),
                    percent: target.percent,
                    tag: target.tag.as_ref().map(|tag| {
                        Box::new(TagFacts {
                            label: format!("{tag}-{name}").into(),
                            host: host(&target.url),
                            cluster_port: target.cluster_port,
                        })
                    }),
                })
                .collect(),
            counted: counted(&status.rollout),
            sticky: app.spec.rollout.stickiness.as_ref().and_then(Sticky::of).map(Arc::new),
            stalled: stalled(app).map(Into::into),
        }
    }
}

fn counted(rollout: &LeanRollout) -> Box<[Box<str>]> {
    let candidate = rollout.candidate.as_deref().filter(|_| rollout.phase.is_some_and(Phase::is_live));
    candidate.map_or_else(Box::default, |candidate| {
        rollout.stable.as_deref().into_iter().chain([candidate]).map(Into::into).collect()
    })
}

fn stalled(app: &LeanApp) -> Option<String> {
    let status = app.status.as_ref().filter(|status| status.observed_generation == app.metadata.generation)?;
    let stalled = condition::find(&status.conditions, condition::STALLED).filter(|c| c.status == "True")?;
    Some(format!("{}: {}", stalled.reason, stalled.message))
}

impl RevisionFacts {
    pub(crate) fn of(revision: &LeanRevision) -> Self {
        let meta = &revision.metadata;
        let conditions = revision.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let failed = condition::find(conditions, condition::READY).filter(|ready| ready.status == "False");
        Self {
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            app: meta.labels.as_ref().and_then(|labels| labels.get(labels::APP)).map_or("", String::as_str).into(),
            limit: revision.spec.concurrency_limit,
            request_timeout: revision.spec.timeouts.request(),
            protocol: if revision.spec.template.app_port().h2c { Protocol::H2c } else { Protocol::Http1 },
            standing: failed.map_or(Standing::Good, standing),
        }
    }
}

fn standing(ready: &Condition) -> Standing {
    let why = format!("{}: {}", ready.reason, ready.message).into();
    if condition::UNPLACED.contains(&&*ready.reason) { Standing::Delayed(why) } else { Standing::Failed(why) }
}

impl SliceFacts {
    pub(crate) fn of(slice: &LeanSlice) -> Option<Self> {
        let uid = slice.metadata.labels.as_ref()?.get(labels::REVISION_UID)?;
        let mut endpoints = BTreeMap::new();
        for endpoint in slice.endpoints.iter().flatten() {
            let conditions = endpoint.conditions.as_ref();
            for ip in endpoint.addresses.iter().filter_map(|address| address.parse().ok()) {
                endpoints.insert(SocketAddr::new(ip, labels::SIDECAR_PORT), listed(conditions));
            }
        }
        Some(Self { revision_uid: uid.as_str().into(), endpoints })
    }
}

/// An absent value counts as true for ready, and as false for terminating and serving.
fn listed(conditions: Option<&EndpointConditions>) -> Listed {
    let is =
        |condition: fn(&EndpointConditions) -> Option<bool>, absent| conditions.and_then(condition).unwrap_or(absent);
    match (is(|c| c.terminating, false), is(|c| c.ready, true), is(|c| c.serving, false)) {
        (false, true, _) => Listed::Ready,
        (true, _, true) => Listed::Leaving,
        _ => Listed::NotReady,
    }
}

/// Host part of a URL, in lower case, without port.
fn host_of(url: &str) -> Option<Arc<str>> {
    let uri: http::Uri = url.parse().ok()?;
    Some(uri.host()?.to_ascii_lowercase().into())
}
