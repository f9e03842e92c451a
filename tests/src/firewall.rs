//! NetworkPolicies made to hold on the project's own node, whose network plugin knows none: as nftables rules for the
//! traffic of pods, renewed whenever a pod, a namespace or a policy changes.

mod rules;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, ListParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use crate::command::{run, run_with_input};

/// Holds while it lives and until [`Self::end`].
pub struct Firewall(JoinHandle<Result<()>>);

impl Firewall {
    /// The rules of now are in force when this returns.
    pub async fn start(client: Client) -> Result<Self> {
        enforce(&client).await?;
        Ok(Self(tokio::spawn(follow(client))))
    }

    /// Lets everything through again, and says how many packets were dropped.
    pub async fn end(self) -> Result<u64> {
        self.0.abort();
        if let Ok(ended) = self.0.await {
            ended.context("the firewall ended by itself")?;
        }
        let dropped = rules::dropped(&run("nft", &["list", "counter", "ip", rules::TABLE, rules::COUNTER]).await?)?;
        run("nft", &["delete", "table", "ip", rules::TABLE]).await?;
        Ok(dropped)
    }
}

async fn follow(client: Client) -> Result<()> {
    let mut changes = futures_util::stream::select_all([
        changes::<Pod>(&client),
        changes::<Namespace>(&client),
        changes::<NetworkPolicy>(&client),
    ]);
    while changes.next().await.is_some() {
        enforce(&client).await?;
    }
    Ok(())
}

fn changes<K>(client: &Client) -> futures_util::stream::BoxStream<'static, ()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    watcher(Api::<K>::all(client.clone()), Config::default()).default_backoff().map(|_| ()).boxed()
}

/// Lists anew each time: a packet may be judged by what is true, never by half of it.
async fn enforce(client: &Client) -> Result<()> {
    let all = ListParams::default();
    let (pods, namespaces, policies) = (Api::all(client.clone()), Api::all(client.clone()), Api::all(client.clone()));
    let (pods, namespaces, policies) = tokio::try_join!(pods.list(&all), namespaces.list(&all), policies.list(&all))?;
    let script = rules::script(&pods.items, &namespaces.items, &policies.items);
    run_with_input("nft", &["-f", "-"], &script).await.with_context(|| script)?;
    Ok(())
}
