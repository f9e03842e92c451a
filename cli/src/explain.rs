//! `todoapp explain`: the last decisions on an app, from the operator that leads.
//!
//! Lease → name of the leader's pod → `/debug/decisions` on its admin port, through the API server's pod proxy: whoever
//! may use kubectl needs no other way into the cluster.

mod leader;
mod proxy;
mod table;

use std::time::Duration;

use kube::{Client, Config};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::Error;
use crate::args::{Explain, Output};

/// Longest time for all of it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the operator says, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Told {
    app: String,
    namespace: String,
    revisions: Vec<Revision>,
}

#[derive(Debug, Deserialize)]
struct Revision {
    name: String,
    /// The newest is the last.
    decisions: Vec<Decision>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    time: jiff::Timestamp,
    for_seconds: f64,
    times: u32,
    reason: String,
    text: String,
}

/// Asks the cluster of `KUBECONFIG` and gives what is to be printed.
pub async fn run(args: Explain) -> Result<String, Error> {
    let config = Config::infer().await.map_err(|error| Error::Failed(format!("no cluster: {error}")))?;
    let client = connect(config)?;
    let told = timeout(TIMEOUT, decisions(&client, &args)).await;
    let told = told.map_err(|_| Error::Failed(format!("no answer from the cluster within {TIMEOUT:?}")))??;
    match args.output {
        Output::Json => Ok(format!("{told:#}\n")),
        Output::Table => {
            let told = serde_json::from_value(told);
            let told =
                told.map_err(|error| Error::Failed(format!("the operator says what is not known here: {error}")))?;
            Ok(table::render(&told))
        }
    }
}

/// A client that tells at once what it was answered: the 503 of a pod that leads no longer is an answer.
pub fn connect(mut config: Config) -> Result<Client, Error> {
    config.default_retry = false;
    Client::try_from(config).map_err(|error| Error::Failed(format!("no client of the cluster: {error}")))
}

/// What the leader says: the newest decisions of each revision, as many as `args` asks for.
pub async fn decisions(client: &Client, args: &Explain) -> Result<Value, Error> {
    let namespace = args.namespace.as_deref().unwrap_or(client.default_namespace());
    let pod = leader::find(client, &args.system_namespace).await?;
    let query = query(namespace, &args.app, args.revision.as_deref());
    let mut told = proxy::get(client, &args.system_namespace, &pod, &query).await?;
    for revision in told["revisions"].as_array_mut().into_iter().flatten() {
        if let Some(decisions) = revision["decisions"].as_array_mut() {
            let surplus = decisions.len().saturating_sub(args.last as usize);
            decisions.drain(..surplus);
        }
    }
    Ok(told)
}

fn query(namespace: &str, app: &str, revision: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("namespace", namespace).append_pair("app", app);
    if let Some(revision) = revision {
        query.append_pair("revision", revision);
    }
    query.finish()
}

#[cfg(test)]
mod tests;
