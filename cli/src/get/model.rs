//! What belongs to what: apps with their revisions, and those with their pods.

use std::collections::HashMap;

use api::condition::{self, READY};
use api::rollout::RolloutStatus;
use api::{Activity, Revision, TodoApp, labels};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Resource, ResourceExt};
use serde::Serialize;

use crate::{objects, pods};

/// An app.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub name: String,
    pub namespace: String,
    pub url: Option<String>,
    pub health: Health,
    pub activity: Option<Activity>,
    /// Ready pods.
    pub replicas: u32,
    pub rollout: Option<RolloutStatus>,
    pub created: Option<Time>,
    /// The newest first.
    pub revisions: Vec<RevisionNode>,
}

/// A revision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionNode {
    pub name: String,
    /// Share of the requests, in percent.
    pub percent: u32,
    pub tags: Vec<String>,
    pub health: Health,
    /// Pods wanted.
    pub desired: u32,
    /// Pods ready.
    pub replicas: u32,
    pub created: Option<Time>,
    /// The oldest first.
    pub pods: Vec<PodNode>,
}

/// A pod.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodNode {
    pub name: String,
    pub state: String,
    pub ready: bool,
    pub restarts: i32,
    pub created: Option<Time>,
}

/// The condition Ready; Unknown while there is none.
#[derive(Debug, Serialize)]
pub struct Health {
    pub ready: String,
    pub reason: String,
    pub message: String,
}

impl Health {
    fn of(conditions: &[Condition]) -> Self {
        condition::find(conditions, READY).map_or_else(
            || Self { ready: "Unknown".to_owned(), reason: "Unseen".to_owned(), message: String::new() },
            |ready| Self { ready: ready.status.clone(), reason: ready.reason.clone(), message: ready.message.clone() },
        )
    }
}

/// Namespace, and name of the app or the revision that an object belongs to.
type Owner = (String, String);

/// Apps by namespace and name. What belongs to none of them is left out.
pub fn nodes(mut apps: Vec<TodoApp>, mut revisions: Vec<Revision>, mut all: Vec<Pod>) -> Vec<Node> {
    apps.sort_by_key(|app| (app.namespace(), app.name_any()));
    objects::sort(&mut revisions);
    pods::sort(&mut all);
    let (mut revisions, mut all) = (by_label(revisions, labels::APP), by_label(all, labels::REVISION));
    let node = |app: TodoApp| {
        let own = revisions.remove(&(app.namespace().unwrap_or_default(), app.name_any())).unwrap_or_default();
        let status = app.status.clone().unwrap_or_default();
        let revisions = own.into_iter().map(|revision| {
            let key = (revision.namespace().unwrap_or_default(), revision.name_any());
            revision_node(&revision, &app, all.remove(&key).unwrap_or_default())
        });
        Node {
            revisions: revisions.collect(),
            name: app.name_any(),
            namespace: app.namespace().unwrap_or_default(),
            url: status.url,
            health: Health::of(&status.conditions),
            activity: status.activity,
            replicas: status.replicas,
            rollout: status.rollout,
            created: app.creation_timestamp(),
        }
    };
    apps.into_iter().map(node).collect()
}

fn by_label<K: Resource>(objects: Vec<K>, label: &str) -> HashMap<Owner, Vec<K>> {
    let mut by = HashMap::<Owner, Vec<K>>::new();
    for object in objects {
        if let Some(name) = object.labels().get(label) {
            by.entry((object.namespace().unwrap_or_default(), name.clone())).or_default().push(object);
        }
    }
    by
}

fn revision_node(revision: &Revision, app: &TodoApp, pods: Vec<Pod>) -> RevisionNode {
    let name = revision.name_any();
    let status = revision.status.clone().unwrap_or_default();
    let targets = app.status.iter().flat_map(|status| &status.traffic).filter(|target| target.revision == name);
    RevisionNode {
        percent: targets.clone().map(|target| target.percent).sum(),
        tags: targets.filter_map(|target| target.tag.clone()).collect(),
        health: Health::of(&status.conditions),
        desired: status.desired,
        replicas: status.replicas,
        created: revision.creation_timestamp(),
        pods: pods.iter().map(pod_node).collect(),
        name,
    }
}

fn pod_node(pod: &Pod) -> PodNode {
    PodNode {
        name: pod.name_any(),
        state: pods::state(pod),
        ready: pods::is_ready(pod),
        restarts: pods::restarts(pod),
        created: pod.creation_timestamp(),
    }
}
