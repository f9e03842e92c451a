//! `httpGet`, as the kubelet does it: HTTP/1.1, a new connection, 200 to 399 is success, redirects are not followed.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use proxy::net::Dial;

use super::local;

/// `None` if there was no answer at all.
pub(super) async fn ask(dial: &impl Dial, port: u16, path: &str, headers: &[(String, String)]) -> Option<bool> {
    let request = request(port, path, headers)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(dial.dial(local(port)).await.ok()?)).await.ok()?;
    let answer = sender.send_request(request);
    tokio::pin!(answer, connection);
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The answer may have come with the end of the connection.
        _ = &mut connection => answer.await,
    };
    Some((200..400).contains(&answer.ok()?.status().as_u16()))
}

fn request(port: u16, path: &str, headers: &[(String, String)]) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::get(path).body(Empty::new()).ok()?;
    let fields = request.headers_mut();
    fields.insert(HOST, HeaderValue::try_from(local(port).to_string()).ok()?);
    fields.insert(USER_AGENT, HeaderValue::from_static("kube-probe/todoapp"));
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    fields.insert(CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        fields.insert(name, HeaderValue::try_from(value.as_str()).ok()?);
    }
    Some(request)
}
