use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

/// What hyper would read of `sent`, which arrives cut at `cuts` and is read through buffers of `room` bytes.
fn read(sent: &[u8], cuts: &[usize], room: usize) -> Bytes {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (sent.len() + 1)).chain([0, sent.len()]).collect();
    cuts.sort_unstable();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut strict = Strict::new(server);
        let mut came = Vec::new();
        let mut buffer = vec![0; room];
        for piece in cuts.windows(2).map(|cut| &sent[cut[0]..cut[1]]) {
            client.write_all(piece).await.expect("room in the pipe");
            let mut passed = 0;
            while passed < piece.len() && strict.end.is_none() {
                let some = strict.read(&mut buffer).await.expect("a pipe");
                passed += some;
                came.extend_from_slice(&buffer[..some]);
            }
        }
        drop(client);
        strict.read_to_end(&mut came).await.expect("a pipe");
        came.into()
    })
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "GET / HTTP/1.1",
        "POST /a?b HTTP/1.1",
        "PRI * HTTP/2.0",
        "P / HTTP/1.0",
        "\r\nPUT / HTTP/1.1",
    ]);
    let field = prop::sample::select(vec![
        "Host: a",
        "content-lengthy: 3",
        "Content-Lengt: 3",
        "X: \t",
        "Transfer-Encodin: chunked",
        "Upgrade: h2c",
        "Cookie: a=b; c=d; and more of it that goes on for some time",
        "Upgrad: websocket",
    ]);
    let fields = prop::collection::vec(field, 0..6);
    (line, fields, body()).prop_map(|(line, fields, (field, body))| {
        let mut request = [vec![line], fields, vec![""]].concat().join("\r\n");
        request.push_str(&field);
        request.push_str("\r\n");
        [request.into_bytes(), body].concat()
    })
}

/// Bytes that look like the heads and chunks of somebody else.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part =
        prop::sample::select(vec!["\n", "\r\n", "a", "0\r\n\r\n", "GET / HTTP/1.1\n\n", "\r", "content-length: 1\r\n"]);
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes())
}

/// The field that frames a body, and the body.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let lines = prop::sample::select(vec!["", ";x=y", " \t", ";q=\"a b\""]);
    let trailers = prop::sample::select(vec!["", "X: 1\r\n", "Content-Length: 7\r\nY: 2\r\n"]);
    let chunked = (prop::collection::vec((bytes(), lines), 0..4), trailers).prop_map(|(chunks, trailers)| {
        let mut body = Vec::new();
        for (chunk, extension) in chunks.iter().filter(|(chunk, _)| !chunk.is_empty()) {
            body.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        ("transfer-ENCODING: chunked\r\n".to_owned(), body)
    });
    let sized = (bytes(), prop::sample::select(vec!["", " ", " \t", " 000"])).prop_map(|(body, before)| {
        (format!("Content-Length:{before}{}  \r\nCONTENT-LENGTH: {}\r\n", body.len(), body.len()), body)
    });
    prop_oneof![Just((String::new(), Vec::new())), chunked, sized]
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![prop::collection::vec(any::<usize>(), 0..8), Just((0..4096).collect())]
}

proptest! {
    #[test]
    fn what_is_right_passes_as_it_came(
        requests in prop::collection::vec(request(), 1..5), cuts in cuts(), room in 1..200_usize,
    ) {
        let sent = requests.concat();
        prop_assert_eq!(read(&sent, &cuts, room), Bytes::from(sent));
    }

    #[test]
    fn what_breaks_a_rule_ends_at_that_byte(
        before in prop::collection::vec(request(), 0..3), bad in bad(), cuts in cuts(), room in 1..200_usize,
    ) {
        let before = before.concat();
        let sent = [&before[..], bad.as_bytes(), b"GET /next HTTP/1.1\r\n\r\n"].concat();
        let at = before.len() + bad.rfind('\n').expect("a line");
        let expected = [&sent[..at], b"\0\r\n\r\n"].concat();
        prop_assert_eq!(read(&sent, &cuts, room), Bytes::from(expected));
    }

    #[test]
    fn the_preface_of_http2_and_what_another_protocol_may_be_pass(after in bytes(), cuts in cuts(), room in 1..200_usize) {
        for before in [
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nupgrade: h2c\r\nUPGRADE:  websocket\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        ] {
            let sent = [before.as_bytes(), &after].concat();
            prop_assert_eq!(read(&sent, &cuts, room), Bytes::from(sent));
        }
    }
}

/// Target and body of each request that hyper takes from `sent`, and the statuses of its answers.
fn taken<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    sent: &[u8],
    before_hyper: impl FnOnce(DuplexStream) -> I,
) -> (Vec<(String, Bytes)>, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let taken: Arc<Mutex<Vec<(String, Bytes)>>> = Arc::default();
    let log = Arc::clone(&taken);
    let heard = runtime.block_on(async move {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let log = Arc::clone(&log);
            async move {
                let target = format!("{} {}", request.method(), request.uri());
                let mut answer = http::Response::new(Empty::<Bytes>::new());
                match request.into_body().collect().await {
                    Ok(body) => log.lock().push((target, body.to_bytes())),
                    Err(_) => *answer.status_mut() = http::StatusCode::BAD_REQUEST,
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let io = TokioIo::new(before_hyper(server));
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new());
        client.write_all(sent).await.expect("room in the pipe");
        client.shutdown().await.expect("a pipe");
        let mut heard = Vec::new();
        // The connection is dropped at its end, which ends what is heard.
        let _ = tokio::join!(http.serve_connection(io, service), client.read_to_end(&mut heard));
        String::from_utf8_lossy(&heard).into_owned()
    });
    let statuses = heard.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned()).collect();
    (std::mem::take(&mut *taken.lock()), statuses)
}

/// A place, what is put there, and how many bytes go for it.
fn edit() -> impl Strategy<Value = (usize, &'static str, usize)> {
    let text = prop::sample::select(vec![
        "",
        "\n",
        "\r",
        "\r\n",
        " ",
        "\t",
        ":",
        "0",
        "a",
        "\0",
        "\u{e4}",
        ";",
        "content-length: 3\r\n",
        "\r\n\r\n",
        "transfer-encoding: chunked\r\n",
        "upgrade: x\r\n",
        "HTTP/1.0",
        "CONNECT ",
        "Content-Length",
        "\r\n0\r\n\r\n",
    ]);
    (any::<usize>(), text, 0..4_usize)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    /// Whatever comes, hyper sees the same requests as without us, or the first of them and then a refusal.
    #[test]
    fn nobody_is_heard_whom_hyper_alone_would_not_hear(
        requests in prop::collection::vec(request(), 1..4), edits in prop::collection::vec(edit(), 0..4),
    ) {
        let mut sent = requests.concat();
        for (at, text, gone) in edits {
            let at = at % (sent.len() + 1);
            let end = sent.len().min(at + gone);
            sent.splice(at..end, text.bytes());
        }
        let (alone, answers) = taken(&sent, |io| io);
        let (strict, strict_answers) = taken(&sent, Strict::new);
        prop_assert!(alone.starts_with(&strict), "{:?}: {alone:?}, strictly {strict:?}", Bytes::from(sent));
        if strict_answers != answers {
            prop_assert_eq!(strict_answers.last().map(String::as_str), Some("400"), "{:?}", Bytes::from(sent));
        }
    }
}

/// Ends with the line that must not pass.
fn bad() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "GET / HTTP/1.1\n",
        "\n",
        "GET / HTTP/1.1\r\nhost: a\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "PRI * HTTP/2.0\r\n\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nX: y\r\nTransfer-Encoding: chunked\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nX: y\r\ncontent-length: 0\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: +1\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 000000000000000000000000000000000000003\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: 1\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\n",
    ])
    .prop_map(str::to_owned)
}
