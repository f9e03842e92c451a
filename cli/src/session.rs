//! The cluster that a command speaks to, and the namespace that it means.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::time::timeout;

use crate::Error;
use crate::args::Target;

/// Longest time for all that a command asks of the cluster, unless it waits for something by itself.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// A client, and where it looks.
#[derive(Clone)]
pub struct Session {
    /// Speaks to the API server.
    pub client: Client,
    /// The namespace that is meant.
    pub namespace: String,
}

impl Session {
    /// As kubectl finds it: flags, then `KUBECONFIG`, `~/.kube/config`, and last the service account of a pod.
    pub async fn open(target: &Target) -> Result<Self, Error> {
        let client = connect(config(target).await?)?;
        let namespace = target.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        Ok(Self { client, namespace })
    }
}

async fn config(target: &Target) -> Result<Config, Error> {
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    match &target.kubeconfig {
        Some(file) => {
            let wrong = |error| Error::Input(format!("--kubeconfig {}: {error}", file.display()));
            let kubeconfig = Kubeconfig::read_from(file).map_err(wrong)?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(wrong)
        }
        None if target.context.is_some() => Config::from_kubeconfig(&options)
            .await
            .map_err(|error| Error::Input(format!("--context {}: {error}", options.context.unwrap_or_default()))),
        None => Config::infer().await.map_err(|error| Error::Failed(format!("no cluster: {error}"))),
    }
}

/// A client that tells at once what it was answered: the 503 of a pod that leads no longer is an answer. How long an
/// answer may take is for the caller to say, for logs and watches are silent as long as nothing happens.
pub fn connect(mut config: Config) -> Result<Client, Error> {
    config.default_retry = false;
    config.read_timeout = None;
    Client::try_from(config).map_err(|error| Error::Failed(format!("no client of the cluster: {error}")))
}

/// The work, as long as it is done within [`TIMEOUT`].
pub async fn bounded<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::TimedOut(format!("no answer from the cluster within {TIMEOUT:?}"));
    timeout(TIMEOUT, work).await.map_err(late)?
}
