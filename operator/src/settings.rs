//! Follows the ConfigMap of the cluster's settings. A broken edit changes nothing: what was good last stays, and an
//! Event says why.

use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use policy::Settings;
use prometheus::IntGauge;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::events::{Note, Reporter};

/// Hands out what the ConfigMap says each time that is something else; the first time also when it is as without.
pub async fn follow(
    api: Api<ConfigMap>,
    name: &str,
    settings: watch::Sender<Arc<Settings>>,
    reporter: Reporter,
    valid: IntGauge,
) {
    let mut seen = watch_object(api, name).default_backoff().boxed();
    while let Some(seen) = seen.next().await {
        let map = match seen {
            Ok(map) => map.unwrap_or_default(),
            Err(error) => {
                warn!(%error, config_map = name, "the watch of the settings broke and begins anew");
                continue;
            }
        };
        let parsed = Settings::parse(map.data.as_ref().unwrap_or(&std::collections::BTreeMap::new()));
        valid.set(parsed.is_ok().into());
        match parsed {
            Ok(new) => {
                info!(config_map = name, "settings are in force");
                settings.send_replace(Arc::new(new));
            }
            Err(problem) => {
                warn!(config_map = name, problem, "the settings stay as they were");
                let note = Note::warning("InvalidSettings", format!("{problem}; the settings stay as they were"));
                reporter.publish(&map.object_ref(&()), vec![note]).await;
                // Who waits for the first settings goes on with what holds without any.
                settings.send_modify(|_| {});
            }
        }
    }
}
