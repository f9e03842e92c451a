//! A question to a pod, through the API server.

use api::labels::OPERATOR_ADMIN_PORT;
use http::Request;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;

use crate::Error;

/// Asks the pod for its decisions.
pub async fn get(client: &Client, namespace: &str, pod: &str, query: &str) -> Result<Value, Error> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{OPERATOR_ADMIN_PORT}/proxy/debug/decisions?{query}");
    let failed = |error: &dyn std::error::Error| Error::Failed(format!("cannot ask pod `{pod}`: {error}"));
    let request = Request::get(path).body(Body::empty()).map_err(|error| failed(&error))?;
    let response = client.send(request).await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    let body = response.into_body().collect_bytes().await.map_err(|error| failed(&error))?;
    read(namespace, pod, status, &String::from_utf8_lossy(&body)).map_err(Error::Failed)
}

/// The API server speaks for itself with a `Status`, for the pod with the pod's own words.
pub fn read(namespace: &str, pod: &str, status: u16, body: &str) -> Result<Value, String> {
    let own = serde_json::from_str::<Status>(body).ok().map(|status| status.message);
    let gone =
        format!("`{pod}` held the Lease and leads no longer; another operator takes over within seconds, try again");
    match (status, own) {
        (200, _) => serde_json::from_str(body).map_err(|error| format!("pod `{pod}` says what is no JSON: {error}")),
        (403, Some(message)) => {
            Err(format!("the right to `get` `pods/proxy` in namespace `{namespace}` is missing: {message}"))
        }
        (404, Some(_)) | (503, None) => Err(gone),
        (400 | 404, None) => Err(body.trim_end().to_owned()),
        (_, Some(message)) => Err(format!("the API server does not reach pod `{pod}`: {status} {message}")),
        (_, None) => Err(format!("pod `{pod}` answers {status}: {}", body.trim_end())),
    }
}
