//! Who leads, and what is asked of it.

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

/// What a question to the leader is about.
pub struct Question<'a> {
    /// Namespace of the app.
    pub namespace: &'a str,
    /// Its name.
    pub app: &'a str,
    /// The revision, if one alone is meant.
    pub revision: Option<&'a str>,
}

impl Question<'_> {
    /// This path with the question behind it.
    pub fn path(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("namespace", self.namespace).append_pair("app", self.app);
        if let Some(revision) = self.revision {
            query.append_pair("revision", revision);
        }
        format!("{path}?{}", query.finish())
    }
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
