//! Apps as a tree for people: one line each, what is worth more below it.

use jiff::Timestamp;

use super::model::{Health, Node, PodNode, RevisionNode};
use crate::release;
use crate::text::{age, cut, joined, table};

/// Revisions of an app that are shown; those without traffic, tag and pod are only counted anyhow.
const REVISIONS_MAX: usize = 20;
/// Pods of a revision that are shown.
const PODS_MAX: usize = 20;
/// Characters of a message that are shown.
const MESSAGE_MAX: usize = 160;

/// The page.
pub fn render(nodes: &[Node], namespaces: bool, now: Timestamp) -> String {
    if nodes.is_empty() {
        return "no TodoApp\n".to_owned();
    }
    let mut rows = vec![["NAME", "TRAFFIC", "TAGS", "PODS", "STATUS", "AGE"].map(str::to_owned).to_vec()];
    for node in nodes {
        app(&mut rows, node, namespaces, now);
    }
    table(&rows)
}

fn app(rows: &mut Vec<Vec<String>>, node: &Node, namespaces: bool, now: Timestamp) {
    let name = if namespaces { format!("{}/{}", node.namespace, node.name) } else { node.name.clone() };
    let activity = node.activity.map(|activity| format!(", {activity:?}")).unwrap_or_default();
    let state = format!("{}{activity}", state(&node.health));
    let traffic = node.revisions.iter().map(|revision| revision.percent).sum::<u32>();
    let age = age(node.created.as_ref(), now);
    rows.push(vec![name, format!("{traffic} %"), String::new(), node.replicas.to_string(), state, age]);
    let (shown, hidden): (Vec<_>, Vec<_>) = node.revisions.iter().partition(|revision| matters(revision));
    let bar = if shown.is_empty() { " " } else { "│" };
    let release = node.rollout.as_ref().filter(|rollout| rollout.candidate.is_some());
    let notes = [node.url.clone(), release.map(|rollout| release::sentence(Some(rollout))), trouble(&node.health)];
    rows.extend(notes.into_iter().flatten().map(|note| vec![format!("{bar}  {}", cut(&note, MESSAGE_MAX))]));
    let surplus = shown.len().saturating_sub(REVISIONS_MAX);
    for (n, node) in shown.iter().take(REVISIONS_MAX).enumerate() {
        revision(rows, node, n + 1 == shown.len().min(REVISIONS_MAX), now);
    }
    match (surplus, hidden.len()) {
        (0, 0) => {}
        (0, 1) => rows.push(vec!["   … 1 more revision without traffic and pods".to_owned()]),
        (0, hidden) => rows.push(vec![format!("   … {hidden} more revisions without traffic and pods")]),
        (surplus, hidden) => rows.push(vec![format!("   … {} more revisions", surplus + hidden)]),
    }
}

fn revision(rows: &mut Vec<Vec<String>>, node: &RevisionNode, last: bool, now: Timestamp) {
    let (branch, bar) = if last { ("└─", " ") } else { ("├─", "│") };
    rows.push(vec![
        format!("{branch} {}", node.name),
        format!("{} %", node.percent),
        joined(&node.tags),
        format!("{}/{}", node.replicas, node.desired),
        state(&node.health).to_owned(),
        age(node.created.as_ref(), now),
    ]);
    if let Some(trouble) = trouble(&node.health) {
        rows.push(vec![format!("{bar}     {}", cut(&trouble, MESSAGE_MAX))]);
    }
    pods(rows, &node.pods, bar, now);
}

fn pods(rows: &mut Vec<Vec<String>>, pods: &[PodNode], bar: &str, now: Timestamp) {
    let surplus = pods.len().saturating_sub(PODS_MAX);
    for (n, pod) in pods.iter().take(PODS_MAX).enumerate() {
        let branch = if surplus == 0 && n + 1 == pods.len() { "└─" } else { "├─" };
        let ready = if pod.ready { ", ready" } else { "" };
        let restarts = match pod.restarts {
            0 => String::new(),
            1 => ", 1 restart".to_owned(),
            restarts => format!(", {restarts} restarts"),
        };
        let name = format!("{bar}  {branch} {}", pod.name);
        let state = format!("{}{ready}{restarts}", pod.state);
        let blank = String::new;
        rows.push(vec![name, blank(), blank(), blank(), state, age(pod.created.as_ref(), now)]);
    }
    if surplus > 0 {
        rows.push(vec![format!("{bar}  └─ … {surplus} more pods")]);
    }
}

/// Whether somebody could ask what it does here.
fn matters(revision: &RevisionNode) -> bool {
    let wanted = revision.percent > 0 || !revision.tags.is_empty();
    wanted || revision.desired > 0 || !revision.pods.is_empty() || revision.health.ready != "True"
}

/// `Ready`, or why not.
fn state(health: &Health) -> &str {
    if health.ready == "True" { "Ready" } else { &health.reason }
}

/// What there is to say of one that is not ready.
fn trouble(health: &Health) -> Option<String> {
    (health.ready != "True" && !health.message.is_empty()).then(|| format!("{}: {}", health.reason, health.message))
}
