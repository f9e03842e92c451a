//! How a new Revision takes over from the one that serves.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the share of `latest` in `spec.traffic` passes from one Revision to the next. Live: a change makes no Revision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.steps) || !has(self.strategy) || self.strategy == 'Gradual'")
    .message("`steps` must be given with `strategy: Gradual` alone"))]
#[x_kube(validation = Rule::new("!has(self.analysis) || !has(self.analysis.probe) || !has(self.prewarm) || self.prewarm >= 1")
    .message("`prewarm` must be at least 1 with `analysis.probe`, for a probe does not wake a pod"))]
pub struct Rollout {
    /// `Immediate`: all at once when the new Revision is ready. `Gradual`: step by step through `window`. `Manual`: it
    /// gets no share, only its tag, until it is promoted. Default Immediate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Gray window: time from the first share to promotion, as a duration such as `2h`. Range 1s to 168h. Default 2h.
    #[x_kube(validation = crate::duration::within("1s", "168h", "2h"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<kube::core::Duration>,
    /// Shares of the new Revision one after the other, in percent of what `latest` gets; each has an equal part of
    /// `window`, and 100 follows by itself. Default 1, 10, 20, … 90.
    #[schemars(length(min = 1, max = 20), inner(range(min = 1, max = 99)))]
    #[x_kube(validation = Rule::new("self.all(s, self.filter(t, t <= s).size() == self.indexOf(s) + 1)")
        .message("must rise from each step to the next, such as [1, 5, 25, 50]"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<u32>>,
    /// What must hold of the new Revision for the next step. Without it, time and capacity alone decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// What follows when the checks failed: `Rollback` (all to the old Revision) or `Pause`. Default Rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Pods of the new Revision that are ready before it gets its first share and stay through the window, in pods; the old
    /// one keeps at least one. 0: both may sleep. Range 0 to 100. Default 1.
    #[schemars(range(min = 0, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prewarm: Option<u32>,
    /// By what a client is recognised, so that it stays with one Revision while shares differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<Stickiness>,
    /// What a person decides about the release that is under way; done once for each `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

/// How the share passes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// At once.
    #[default]
    Immediate,
    /// Step by step.
    Gradual,
    /// When a person says so.
    Manual,
}

/// What is asked of the new Revision, of requests that it answered since its step began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Time between two checks, as a duration such as `30s`. Range 1s to 1h. Default 30s.
    #[x_kube(validation = crate::duration::within("1s", "1h", "30s"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<kube::core::Duration>,
    /// Requests of the new Revision in one step from which on a check can pass; with fewer there is no data. Range 1 to
    /// 1000000. Default 50.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_requests: Option<u32>,
    /// What follows when a step's time is over without data: `Hold` (wait for requests), `Advance` or `Abort`. Default
    /// Hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_data: Option<NoData>,
    /// Most requests that may fail (status 5xx, reset, timed out), such as `1%`; those that met a cold start count too.
    #[x_kube(validation = Rule::new("self.matches('^[0-9]+([.][0-9]+)?%$') && double(self.replace('%', '')) <= 100.0")
        .message("must be a percentage from '0%' to '100%', such as '1%'"))]
    #[schemars(length(max = 16))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_error_rate: Option<String>,
    /// Longest time to the head of the answer that 99 of 100 requests may take, as a duration such as `500ms`; requests
    /// that met a cold start are left out. Range 1ms to 1h.
    #[x_kube(validation = crate::duration::within("1ms", "1h", "500ms"))]
    #[schemars(length(max = 32))]
    #[serde(rename = "maxP99", skip_serializing_if = "Option::is_none")]
    pub max_p99: Option<kube::core::Duration>,
    /// The same in comparison with the Revision that serves, where that has requests too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vs_stable: Option<VsStable>,
    /// Failing checks in a row that end the release. Range 1 to 100. Default 2.
    #[schemars(range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<u32>,
    /// Requests of our own that stand in for users where these are few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// What follows when a step's time is over without data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NoData {
    /// Wait for requests, and say so.
    #[default]
    Hold,
    /// Go on.
    Advance,
    /// Withdraw the new Revision.
    Abort,
}

/// What follows when the checks failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    /// All to the old Revision.
    #[default]
    Rollback,
    /// The share stays as it is, until a person decides.
    Pause,
}

/// Bounds relative to the Revision that serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VsStable {
    /// How many more requests may fail, in points of percent such as `+0.5%`. Judged by a sequential test (Wald 1945)
    /// with 5 % risk of either error, so a few requests by chance decide nothing.
    #[x_kube(validation = Rule::new("self.matches('^[+][0-9]+([.][0-9]+)?%$') && double(self.replace('%', '').replace('+', '')) > 0.0 && double(self.replace('%', '').replace('+', '')) <= 100.0")
        .message("must be '+', a number above 0 and at most 100, and '%', such as '+0.5%'"))]
    #[schemars(length(max = 16))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<String>,
    /// How many times as long 99 of 100 requests may take, such as `x1.5`.
    #[x_kube(validation = Rule::new("self.matches('^x[0-9]+([.][0-9]+)?$') && double(self.replace('x', '')) >= 1.0 && double(self.replace('x', '')) <= 1000.0")
        .message("must be 'x' and a number from 1 to 1000, such as 'x1.5'"))]
    #[schemars(length(max = 16))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<String>,
}

/// A request that the operator sends to a ready pod of the new Revision at each check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Path, and query if any, of a GET. Must begin with '/'.
    #[x_kube(validation = Rule::new("self.matches('^/[!-~]*$')").message("must begin with '/' and be printable ASCII without spaces"))]
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
    /// Status that is expected. Range 100 to 599. Default 200.
    #[schemars(range(min = 100, max = 599))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Probes at one check. Range 1 to 100. Default 10.
    #[schemars(range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// By what a client is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.cookie) != has(self.header)").message("must name either `cookie` or `header`"))]
pub struct Stickiness {
    /// Name of a cookie; the activator sets it where a client has none, for the time of its session.
    #[x_kube(validation = Rule::new("self.matches(\"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$\")").message("must be a token as in RFC 6265, such as 'todo-rev'"))]
    #[schemars(length(min = 1, max = 64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// Name of a header that tells clients apart, such as `x-user`; a request without it goes by turns.
    #[x_kube(validation = Rule::new("self.matches(\"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$\")").message("must be a header's name, such as 'x-user'"))]
    #[schemars(length(min = 1, max = 64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// What a person decides; `todoapp promote|abort|pause|resume` write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// What is to be done.
    #[serde(rename = "type")]
    pub kind: ActionKind,
    /// Revision that is meant; when it is not the one being released, nothing is done. Default: whichever it is.
    #[schemars(length(min = 1, max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Any text; the action is done once for each, so applying the same object again does nothing more.
    #[schemars(length(min = 1, max = 63))]
    pub token: String,
}

/// What a person may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActionKind {
    /// All to the new Revision now.
    Promote,
    /// All to the old Revision now.
    Abort,
    /// Keep the shares as they are.
    Pause,
    /// Go on; one that was aborted begins anew.
    Resume,
}

/// Where a release stands. All of it is here: whoever leads goes on from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// The Revision that was promoted last, to which an abort goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    /// The Revision being released, or the last one if it was withdrawn; none once promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Where the release of the candidate stands; none without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Share of the candidate in what `latest` gets, in percent.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
    /// Step that the candidate is in, counted from 1; 0 before its first share.
    #[serde(default)]
    pub step: u32,
    /// Steps that there are before the whole.
    #[serde(default)]
    pub steps: u32,
    /// When the step began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_since: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    /// When its time is over, pauses not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_until: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    /// Since when it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    /// When the checks were made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    /// Failing checks in a row.
    #[serde(default)]
    pub failures: u32,
    /// Pods of the candidate that are asked of the autoscaler for the next share, in pods.
    #[serde(default)]
    pub pods: u32,
    /// What the candidate did in this step, as of the last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
    /// What the stable Revision did in the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_figures: Option<Figures>,
    /// `token` of the last action that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_token: Option<String>,
    /// Why it stands where it stands, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Where the release of a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Its pods of `prewarm` are not ready yet: no share so far.
    Warming,
    /// It has its share, and the step's time runs.
    Progressing,
    /// The step's time is over; there were too few requests to judge by.
    WaitingForTraffic,
    /// The step's time is over; pods for the next share are on their way.
    WaitingForCapacity,
    /// Strategy Manual: it waits for a person.
    WaitingForPromotion,
    /// A person, or `onFailure: Pause`, stopped it where it is.
    Paused,
    /// Withdrawn by a person: everything goes to the stable one.
    Aborted,
    /// Withdrawn because its checks failed: everything goes to the stable one.
    Failed,
}

impl Phase {
    /// The release is under way: the candidate has, or may get, a share.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Aborted | Self::Failed)
    }
}

/// What a Revision did for users in one step, as the activators saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Requests that were answered or failed, in requests.
    #[serde(default)]
    pub requests: u64,
    /// Of these, those that failed: status 5xx, reset, timed out.
    #[serde(default)]
    pub errors: u64,
    /// Of these, those that waited for a pod; left out of the times.
    #[serde(default)]
    pub cold_starts: u64,
    /// Time to the head of the answer that 99 of 100 stayed within, in milliseconds; absent without requests.
    #[serde(default, rename = "p99Milliseconds", skip_serializing_if = "Option::is_none")]
    pub p99_milliseconds: Option<u64>,
}
