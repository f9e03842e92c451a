//! A question to a pod, through the API server.

use api::labels::OPERATOR_ADMIN_PORT;
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;

use crate::Error;

/// Asks the pod's admin port; an answer is JSON.
pub async fn ask(client: &Client, namespace: &str, pod: &str, method: Method, path: &str) -> Result<Value, Error> {
    let url = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{OPERATOR_ADMIN_PORT}/proxy{path}");
    let failed = |error: &dyn std::error::Error| Error::Failed(format!("cannot ask pod `{pod}`: {error}"));
    // RBAC's verb of a proxied request is by its method.
    let verb = if method == Method::GET { "get" } else { "create" };
    let request = Request::builder().method(method).uri(url).body(Body::empty()).map_err(|error| failed(&error))?;
    let response = client.send(request).await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    let body = response.into_body().collect_bytes().await.map_err(|error| failed(&error))?;
    read((namespace, pod, verb), status, &String::from_utf8_lossy(&body))
}

/// The API server speaks for itself with a `Status`, for the pod with the pod's own words.
fn read((namespace, pod, verb): (&str, &str, &str), status: u16, body: &str) -> Result<Value, Error> {
    let own = serde_json::from_str::<Status>(body).ok().map(|status| status.message);
    let gone =
        format!("`{pod}` held the Lease and leads no longer; another operator takes over within seconds, try again");
    let told = body.trim_end().to_owned();
    Err(match (status, own) {
        (200, _) => {
            let wrong = |error| Error::Failed(format!("pod `{pod}` says what is no JSON: {error}"));
            return serde_json::from_str(body).map_err(wrong);
        }
        (403, Some(message)) => {
            let right = format!("the right to `{verb}` `pods/proxy` in namespace `{namespace}` is missing");
            Error::Failed(format!("{right}: {message}"))
        }
        (404, Some(_)) | (503, None) => Error::Failed(gone),
        (404, None) => Error::NotFound(told),
        (400 | 409, None) => Error::Failed(told),
        (_, Some(message)) => Error::Failed(format!("the API server does not reach pod `{pod}`: {status} {message}")),
        (_, None) => Error::Failed(format!("pod `{pod}` answers {status}: {told}")),
    })
}
