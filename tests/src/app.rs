//! Short builders for apps.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::{Activity, TodoApp, condition};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::image;
use crate::{Space, observe, wait_for};

/// Field manager of the tests.
pub const MANAGER: &str = "e2e";
/// From creation to sleep, with the shortest window, on a busy machine.
const SLEEP_LIMIT: Duration = Duration::from_mins(1);

/// An app to be; by default the test application, which falls asleep as fast as is allowed.
#[derive(Debug, Clone)]
#[must_use]
pub struct App {
    name: String,
    image: String,
    revision: Option<String>,
    env: BTreeMap<String, String>,
    container: Value,
    spec: Value,
}

impl App {
    /// The test application under this name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: image("todoapp-testapp"),
            revision: None,
            env: BTreeMap::new(),
            container: json!({ "ports": [{ "containerPort": 8080 }] }),
            spec: json!({ "scaling": { "window": "6s", "zeroGrace": "0s" } }),
        }
    }

    /// Another image.
    pub fn image(mut self, image: &str) -> Self {
        image.clone_into(&mut self.image);
        self
    }

    /// Name of the revision.
    pub fn revision(mut self, name: &str) -> Self {
        self.revision = Some(name.to_owned());
        self
    }

    /// A variable of the container.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// A field of the container, such as `readinessProbe`.
    pub fn container(mut self, field: &str, value: Value) -> Self {
        self.container[field] = value;
        self
    }

    /// Fields of `spec.scaling`, besides those already set.
    pub fn scaling(mut self, fields: &Value) -> Self {
        for (key, value) in fields.as_object().into_iter().flatten() {
            self.spec["scaling"][key] = value.clone();
        }
        self
    }

    /// Stays awake for the whole test once it was called.
    pub fn drowsy(self) -> Self {
        self.scaling(&json!({ "window": "60s", "zeroGrace": "1h" }))
    }

    /// Any other field of the spec.
    pub fn field(mut self, field: &str, value: Value) -> Self {
        self.spec[field] = value;
        self
    }

    /// The object.
    pub fn to_value(&self) -> Value {
        let mut container = self.container.clone();
        container["image"] = json!(self.image);
        container["env"] = self.env.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let mut template = json!({ "spec": { "containers": [container] } });
        if let Some(revision) = &self.revision {
            template["metadata"] = json!({ "name": revision });
        }
        let mut spec = self.spec.clone();
        spec["template"] = template;
        json!({ "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp", "metadata": { "name": self.name }, "spec": spec })
    }

    /// Applies it as it is; does not wait.
    pub async fn apply(&self, space: &Space) -> Result<TodoApp> {
        let api: Api<TodoApp> = space.api();
        let parameters = PatchParams::apply(MANAGER).force();
        api.patch(&self.name, &parameters, &Patch::Apply(self.to_value()))
            .await
            .with_context(|| format!("applying {}", self.name))
    }

    /// Applies it and waits until this generation is Ready.
    pub async fn ready(&self, space: &Space) -> Result<TodoApp> {
        let applied = self.apply(space).await?;
        let generation = applied.metadata.generation;
        wait_for(&format!("app {} Ready", self.name), SLEEP_LIMIT, || async {
            let app = get(space, &self.name).await?;
            let status = app.status.clone().unwrap_or_default();
            ensure!(status.observed_generation == generation, "observed generation {:?}", status.observed_generation);
            ensure!(condition::is_true(&status.conditions, condition::READY), "conditions {:?}", status.conditions);
            Ok(app)
        })
        .await
    }

    /// Applies it and waits until it is Ready and sleeps, with no pod left.
    pub async fn asleep(&self, space: &Space) -> Result<TodoApp> {
        self.ready(space).await?;
        sleeping(space, &self.name).await?;
        get(space, &self.name).await
    }
}

/// The object as it is now.
pub async fn get(space: &Space, name: &str) -> Result<TodoApp> {
    Ok(space.api::<TodoApp>().get(name).await?)
}

/// Waits until the app is Idle and its last pod gone.
pub async fn sleeping(space: &Space, name: &str) -> Result<()> {
    wait_for(&format!("app {name} asleep"), SLEEP_LIMIT, || async {
        let status = get(space, name).await?.status.unwrap_or_default();
        ensure!(status.activity == Some(Activity::Idle), "activity {:?}", status.activity);
        let pods = observe::pods(space, name).await?;
        ensure!(pods.is_empty(), "{} pods", pods.len());
        Ok(())
    })
    .await
}

/// The condition of this type, once it has this value (`True`, `False`).
pub async fn wait_condition(
    space: &Space,
    name: &str,
    kind: &str,
    value: &str,
    limit: Duration,
) -> Result<(String, String)> {
    wait_for(&format!("condition {kind}={value} of {name}"), limit, || async {
        let status = get(space, name).await?.status.unwrap_or_default();
        match condition::find(&status.conditions, kind) {
            Some(found) if found.status == value => Ok((found.reason.clone(), found.message.clone())),
            found => bail!("{found:?}"),
        }
    })
    .await
}

/// Host under which the public port knows the app.
pub fn host(app: &TodoApp) -> Result<String> {
    let url = app.status.as_ref().and_then(|s| s.url.as_deref()).context("status.url")?;
    let host = url.split_once("://").map_or(url, |(_, host)| host).trim_end_matches('/');
    Ok(host.split(':').next().unwrap_or(host).to_owned())
}

/// Waits until the Service of an app is there, so that its address can be called while its revision is not ready yet.
pub async fn routed(space: &Space, name: &str) -> Result<()> {
    wait_for(&format!("Service of {name}"), Duration::from_secs(20), || async {
        space.api::<Service>().get(name).await?;
        let port = get(space, name).await?.status.and_then(|s| s.cluster_port);
        ensure!(port.is_some(), "no status.clusterPort");
        Ok(())
    })
    .await
}
