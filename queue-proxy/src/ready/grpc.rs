//! `grpc.health.v1.Health/Check` over HTTP/2. Its two messages are small enough to be written and read by hand.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use proxy::net::Dial;

use super::local;

/// An answer has four bytes of content; anything longer is no health service.
const ANSWER_MAX: usize = 1024;
/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u64 = 1;

/// `None` if there was no proper answer.
pub(super) async fn ask(dial: &impl Dial, port: u16, service: &str) -> Option<bool> {
    let io = TokioIo::new(dial.dial(local(port)).await.ok()?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.ok()?;
    let exchange = async {
        let answer = sender.send_request(request(port, service)?).await.ok()?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.ok()?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let fine = head.status == 200 && is_ok(&head.headers, &trailers);
        Some(fine && status(&body.to_bytes()) == Some(SERVING))
    };
    tokio::select! {
        biased;
        answer = exchange => answer,
        _ = connection => None,
    }
}

fn request(port: u16, service: &str) -> Option<Request<Full<Bytes>>> {
    Request::post(format!("http://127.0.0.1:{port}/grpc.health.v1.Health/Check"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
        .header(header::TE, HeaderValue::from_static("trailers"))
        .header(header::USER_AGENT, HeaderValue::from_static("kube-probe/todoapp"))
        .body(Full::new(question(service)))
        .ok()
}

/// `grpc-status` is in the trailers, or in the head if there is no body.
fn is_ok(head: &HeaderMap, trailers: &HeaderMap) -> bool {
    let status = trailers.get("grpc-status").or(head.get("grpc-status"));
    status.is_none_or(|status| status.as_bytes() == b"0")
}

/// gRPC's prefix (not compressed, length) and `HealthCheckRequest {service = 1: string}`.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        put_varint(&mut message, service.len() as u64);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

/// `HealthCheckResponse {status = 1: varint}`; a field left out is 0.
fn status(framed: &[u8]) -> Option<u64> {
    let (prefix, message) = framed.split_at_checked(5)?;
    if prefix[0] != 0 {
        return None;
    }
    match message {
        [] => Some(0),
        [0x08, value @ ..] => varint(value),
        _ => None,
    }
}

fn put_varint(to: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        to.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.put_u8(value as u8);
}

fn varint(bytes: &[u8]) -> Option<u64> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_protobuf() {
        assert_eq!(&question("")[..], b"\0\0\0\0\0");
        assert_eq!(&question("ab")[..], b"\0\0\0\0\x04\x0a\x02ab");
        let long = "x".repeat(300);
        assert_eq!(&question(&long)[5..8], b"\x0a\xac\x02");
        assert_eq!(status(b"\0\0\0\0\x02\x08\x01"), Some(1));
        assert_eq!(status(b"\0\0\0\0\x02\x08\x02"), Some(2));
        assert_eq!(status(b"\0\0\0\0\0"), Some(0));
        assert_eq!(status(b"\x01\0\0\0\x02\x08\x01"), None);
        assert_eq!(status(b"\0\0"), None);
        assert_eq!(varint(&[0xac, 0x02]), Some(300));
        assert_eq!(varint(&[0xff; 12]), None);
    }
}
