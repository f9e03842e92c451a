//! One GET on a new connection, as the kubelet makes its `httpGet` probes: HTTP/1.1, redirects are not followed.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::net::Dial;

/// The status of the answer; `None` if there was none at all. Headers of the caller's go before ours.
pub async fn ask(dial: &impl Dial, to: SocketAddr, path: &str, headers: &[(String, String)]) -> Option<StatusCode> {
    let request = request(to, path, headers)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(dial.dial(to).await.ok()?)).await.ok()?;
    let answer = sender.send_request(request);
    tokio::pin!(answer, connection);
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The answer may have come with the end of the connection.
        _ = &mut connection => answer.await,
    };
    Some(answer.ok()?.status())
}

fn request(to: SocketAddr, path: &str, headers: &[(String, String)]) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::get(path).body(Empty::new()).ok()?;
    let fields: &mut HeaderMap = request.headers_mut();
    fields.insert(HOST, HeaderValue::try_from(to.to_string()).ok()?);
    fields.insert(USER_AGENT, HeaderValue::from_static("kube-probe/todoapp"));
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    fields.insert(CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        fields.insert(name, HeaderValue::try_from(value.as_str()).ok()?);
    }
    Some(request)
}
