//! Who leads.

use api::labels::LEASE;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::Api;

use crate::Error;

/// Name of the pod that holds the Lease.
pub async fn find(client: &Client, namespace: &str) -> Result<String, Error> {
    let lease = Api::<Lease>::namespaced(client.clone(), namespace).get_opt(LEASE).await;
    holder(namespace, lease).map_err(Error::Failed)
}

fn holder(namespace: &str, lease: kube::Result<Option<Lease>>) -> Result<String, String> {
    let lease = lease.map_err(|error| match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            format!(
                "the right to `get` `leases.coordination.k8s.io` in namespace `{namespace}` is missing: {}",
                status.message
            )
        }
        error => format!("cannot read the Lease `{LEASE}` in namespace `{namespace}`: {error}"),
    })?;
    let lease = lease.ok_or_else(|| {
        let elsewhere = "if todoapp is installed elsewhere, say --system-namespace";
        format!("there is no Lease `{LEASE}` in namespace `{namespace}`: {elsewhere}")
    })?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty());
    holder.ok_or_else(|| {
        format!("no operator leads: nobody holds the Lease `{LEASE}`; see `kubectl -n {namespace} get pods`")
    })
}
