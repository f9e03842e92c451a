//! What a client that breaks rules of HTTP/1 is told: each case by raw bytes through a real listener and a proxy.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use proxy::{Body, BoxError};
use support::*;
use wire::Protocol::{H2c, Http1};

/// Says what arrived: method, target, fields, content and trailers.
async fn told(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let lines = |fields: &HeaderMap| {
        fields.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect::<Vec<_>>().concat()
    };
    let (method, target) = (head.method, head.uri);
    // A body that breaks gets no answer that anybody would take for whole.
    let Ok(body) = body.collect().await else { return answer("broken") };
    let trailers = body.trailers().map(lines).unwrap_or_default();
    let content = body.to_bytes();
    let (head, content) = (lines(&head.headers), String::from_utf8_lossy(&content));
    answer(format!("{method} {target}\n{head}<{content}>\n{trailers}"))
}

/// What comes of a case.
enum Told {
    /// This status, and what the app says that it got: it must contain the first text and not the second.
    Passed(&'static str, &'static str),
    /// This status, and the end of the connection.
    Refused(u16),
    /// This status.
    Answered(u16),
}
use Told::{Answered, Passed, Refused};

const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n";

fn cases() -> Vec<(String, Told)> {
    let head = |lines: &str| format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n");
    let chunked = |lines: &str, body: &str| format!("{CHUNKED}{lines}\r\n{body}");
    vec![
        // Host.
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), Answered(400)),
        (head("host: b\r\n"), Answered(400)),
        ("GET / HTTP/1.1\r\nhost: a/b@c\r\n\r\n".to_owned(), Answered(400)),
        ("GET http://x/ HTTP/1.1\r\nhost: y\r\n\r\n".to_owned(), Passed("host: x\n", "host: y\n")),
        // Length and coding.
        (chunked("content-length: 3\r\n", "3\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        (head("content-length: 3\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n", Refused(400)),
        (
            head("content-length: 1\r\ncontent-length: 1\r\n") + "x",
            Passed("<x>", "content-length: 1\ncontent-length: 1"),
        ),
        (head("content-length: 1\r\ncontent-length: 2\r\n") + "x", Refused(400)),
        (head("content-length: 1, 1\r\n") + "x", Refused(400)),
        (head("content-length: +1\r\n") + "x", Refused(400)),
        (head("transfer-encoding: xchunked\r\n") + "0\r\n\r\n", Refused(400)),
        (head("transfer-encoding: chunked, identity\r\n") + "0\r\n\r\n", Refused(400)),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), Refused(400)),
        (head("transfer-encoding: gzip, chunked\r\n") + "0\r\n\r\n", Answered(501)),
        (head("content_length: 3\r\n"), Answered(400)),
        // Lines.
        ("GET / HTTP/1.1\nhost: a\n\n".to_owned(), Refused(400)),
        ("GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n".to_owned(), Refused(400)),
        ("GET / HTTP/1.1\r\nhost: a\r\n\n".to_owned(), Refused(400)),
        ("\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), Refused(400)),
        ("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), Passed("host: a", "<x>")),
        (head("x: a\rb\r\n"), Refused(400)),
        (head("x: a\0b\r\n"), Refused(400)),
        (head("x: a\r\n b\r\n"), Refused(400)),
        (head("x : a\r\n"), Refused(400)),
        // Chunks.
        (chunked("", "3;a=b\r\nabc\r\n0\r\n\r\n"), Passed("<abc>", "a=b")),
        (chunked("", "3;a=b\nabc\r\n0\r\n\r\n"), Refused(400)),
        (chunked("", "0x1\r\na\r\n0\r\n\r\n"), Refused(400)),
        (chunked("", "1_0\r\na\r\n0\r\n\r\n"), Refused(400)),
        (chunked("", "3\nabc\n0\n\n"), Refused(400)),
        (chunked("", "3\r\nabcd\r\n0\r\n\r\n"), Refused(400)),
        (chunked("", "0\r\nx: y\n\r\n"), Refused(400)),
        (
            chunked(
                "te: trailers\r\ntrailer: x, content-length\r\n",
                "1\r\na\r\n0\r\nx: y\r\ncontent-length: 9\r\nhost: b\r\n\r\n",
            ),
            Passed("<a>\nx: y\n", "content-length: 9"),
        ),
        // Targets and methods.
        ("get / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), Passed("get /\n", "GET")),
        ("CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), Refused(405)),
        ("GET /x#y HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), Passed("GET /x\n", "#y")),
        ("GET /a/../b%2fc HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), Passed("GET /a/../b%2fc\n", "GET /b")),
        // Fields of one hop.
        (head("connection: Host, X-Forwarded-For, x-one\r\nx-one: 1\r\n"), Passed("host: a\n", "x-one")),
        (
            head("connection: X-Forwarded-For\r\nx-forwarded-for: 6.6.6.6\r\n"),
            Passed("x-forwarded-for: 127.0.0.1", "6.6"),
        ),
        (head("expect: foo\r\n"), Answered(417)),
        // Sizes.
        (head(&"x: 1\r\n".repeat(101)), Refused(431)),
        (head(&format!("x: {}\r\n", "x".repeat(500_000))), Refused(431)),
        // Other protocols.
        (head("connection: upgrade\r\nupgrade: websocket\r\n") + "\n\n", Passed("upgrade: websocket", "h2c")),
        (
            head("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"),
            Passed("host: a", "h2c"),
        ),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(), Refused(400)),
    ]
}

#[tokio::test]
async fn each_case_gets_its_answer() {
    let app = serve(|request, _| told(request));
    let proxy = proxy(app.address, Http1);
    for (sent, told) in cases() {
        for piece in [usize::MAX, 1] {
            // Byte by byte what is large takes long and says nothing new.
            if piece == 1 && sent.len() > 1_000 {
                continue;
            }
            let mut client = Raw::to(proxy.address).await;
            let again = "GET /again HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
            let refused = matches!(told, Refused(_));
            client.say_in_pieces(&if refused { sent.clone() } else { sent.clone() + again }, piece).await;
            let heard = client.hear_all().await;
            let (line, _) = heard.split_once("\r\n").unwrap_or((&heard, ""));
            let case = format!("{sent:.200?} {piece}: {heard}");
            match &told {
                Refused(status) | Answered(status) => assert!(line.contains(&format!(" {status} ")), "{case}"),
                Passed(with, without) => {
                    assert!(line.contains(" 200 "), "{case}");
                    let first = heard.split("GET /again").next().unwrap();
                    assert!(first.contains(with) && !first.contains(without), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_said_behind_a_request_for_another_protocol_is_not_taken_for_requests() {
    let app = serve(|request, _| told(request));
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nGET /smuggled HTTP/1.1\nhost: a\n\n").await;
    let heard = client.hear_all().await;
    assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 1, "{heard}");
    assert!(heard.contains("connection: close") && !heard.contains("smuggled"), "{heard}");
}

#[tokio::test]
async fn a_426_still_names_its_protocol() {
    let app = serve(|_, _| async {
        let response = Response::builder().status(426).header("connection", "upgrade").header("upgrade", "websocket");
        response.body(Body::empty()).unwrap()
    });
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n").await;
    let heard = client.hear_all().await;
    for line in ["HTTP/1.1 426 ", "connection: upgrade, close\r\n", "upgrade: websocket\r\n"] {
        assert!(heard.contains(line), "{heard}");
    }
}

#[tokio::test]
async fn good_requests_before_a_bad_one_are_answered() {
    let app = serve(|request, _| told(request));
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client.say("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nPOST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n\n\nGET /3 HTTP/1.1\nhost: a\n\n").await;
    let heard = client.hear_all().await;
    assert!(heard.contains("GET /1\n") && heard.contains("POST /2\n"), "{heard}");
    assert!(heard.contains("<\n\n>") && heard.contains(" 400 ") && !heard.contains("/3"), "{heard}");
}

#[tokio::test]
async fn trailers_of_an_answer_say_nothing_that_belongs_into_its_head() {
    let app = serve(|_, _| async {
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "content-length", "set-cookie", "cookie", "x-forwarded-for", "todoapp-error"] {
            trailers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from("x"))), Ok(Frame::trailers(trailers))];
        Response::new(Body::boxed(StreamBody::new(futures_util::stream::iter(frames))))
    });
    let proxy = proxy(app.address, H2c);
    let mut client = h2(proxy.address).await;
    let response = within(client.send_request(Request::get("http://a/").body(Body::empty()).unwrap())).await.unwrap();
    let body = within(response.into_body().collect()).await.unwrap();
    let trailers: Vec<_> = body.trailers().unwrap().keys().map(HeaderName::as_str).collect();
    assert_eq!(trailers, ["x-sum"]);
}
