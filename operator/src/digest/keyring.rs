//! Reads the credentials that a pod would be pulled with: at that moment, and kept no longer than the question takes.

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::Api;
use serde_json::{Map, Value};

use super::cause::Problem;
use super::credentials::Keyring;
use crate::error::told;

/// Most Secrets that are read for one pod.
const SECRETS_MAX: usize = 16;

/// The pod's own `imagePullSecrets`, or else those of its service account, as the API server adds them to a pod.
pub async fn read(client: &kube::Client, namespace: &str, pod: &Map<String, Value>) -> Result<Keyring, Problem> {
    let mut names = own(pod);
    if names.is_empty() {
        let account = pod.get("serviceAccountName").and_then(Value::as_str).filter(|name| !name.is_empty());
        names = of_account(client, namespace, account.unwrap_or("default")).await?;
    }
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut keyring = Keyring::default();
    for name in names.iter().take(SECRETS_MAX) {
        let found = secrets.get_opt(name).await;
        match found.map_err(|error| Problem::credentials(format!("Secret '{name}': {}", told(&error))))? {
            Some(secret) => {
                let data = secret.data.unwrap_or_default();
                keyring.add(name, |key| data.get(key).map(|bytes| bytes.0.as_slice()));
            }
            // The kubelet goes on without as well.
            None => keyring.unusable.push(format!("Secret '{name}' does not exist")),
        }
    }
    Ok(keyring)
}

fn own(pod: &Map<String, Value>) -> Vec<String> {
    let named = pod.get("imagePullSecrets").and_then(Value::as_array).into_iter().flatten();
    named.filter_map(|secret| secret["name"].as_str()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

async fn of_account(client: &kube::Client, namespace: &str, name: &str) -> Result<Vec<String>, Problem> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let account = accounts.get_opt(name).await;
    let account =
        account.map_err(|error| Problem::credentials(format!("ServiceAccount '{name}': {}", told(&error))))?;
    let named = account.and_then(|account| account.image_pull_secrets).unwrap_or_default();
    Ok(named.into_iter().map(|secret| secret.name).filter(|name| !name.is_empty()).collect())
}
