//! What the leader says of its decisions, over the way of `todoapp explain`.

use anyhow::{Result, ensure};
use cli::args::{Explain, Output, Target};
use cli::explain::decisions;
use serde_json::Value;

use crate::Space;

/// The question about an app of this namespace.
pub fn about(space: &Space, app: &str) -> Explain {
    Explain {
        app: app.to_owned(),
        revision: None,
        system_namespace: space.cluster.system.clone(),
        output: Output::Json,
        last: 100,
        target: Target { namespace: Some(space.name.clone()), ..Target::default() },
    }
}

/// The decisions on an app's only revision, the newest last.
pub async fn of(space: &Space, app: &str) -> Result<Vec<Value>> {
    let told = decisions(&space.client(), &about(space, app)).await?;
    let revisions = told["revisions"].as_array().cloned().unwrap_or_default();
    ensure!(revisions.len() == 1 && revisions[0]["name"] == format!("{app}-00001"), "{told:#}");
    Ok(revisions[0]["decisions"].as_array().cloned().unwrap_or_default())
}
