//! The app or its queue-proxy is killed while requests are under way: nobody takes half an answer for a whole one.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use e2e::http::{Reply, Target};
use e2e::wait_for;
use front::objects;
use front::process::{Place, Process};
use front::stack::{self, PUBLIC_PORT, Sidecar, Stack};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const APP_PORT: u16 = 3000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A request under way.
type Asked = JoinHandle<Result<Reply>>;

/// Answers `/length` and `/chunked` by half, `/silent` not at all, `/seen` by how many of these came, anything else whole.
const APP: &str = r#"
import http.server, time
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = 0
    def do_GET(self):
        if self.path == "/silent":
            App.seen += 1
            time.sleep(600)
        self.send_response(200)
        if self.path == "/seen":
            self.send_header("Content-Length", str(len(str(App.seen))))
            self.end_headers()
            self.wfile.write(str(App.seen).encode())
            return
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", "4" if self.path == "/" else "9")
        self.end_headers()
        self.wfile.write(b"4\r\nhalf\r\n" if self.path == "/chunked" else b"half")
        self.wfile.flush()
        if self.path != "/":
            time.sleep(600)
    do_POST = do_GET
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 3000), App).serve_forever()
"#;

async fn app() -> Result<Process> {
    let mut process = Process::start(Place::default(), "python3", &["-c", APP], &[])?;
    process.listens(APP_PORT).await?;
    Ok(process)
}

fn target() -> Target {
    Target::named(([127, 0, 0, 1], PUBLIC_PORT).into(), objects::HOST)
}

/// An answer of which the first half has come.
async fn half(path: &str) -> Result<Incoming> {
    let stream = TcpStream::connect(target().address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header(HOST, objects::HOST).body(Empty::<Bytes>::new())?;
    let response = timeout(PATIENCE, sender.send_request(request)).await??;
    ensure!(response.status() == 200, "{response:?}");
    let mut body = response.into_body();
    let frame = timeout(PATIENCE, body.frame()).await?.context("a first part")??;
    ensure!(frame.data_ref().is_some_and(|data| data == "half"), "{frame:?}");
    Ok(body)
}

/// It ends as a broken one, and nothing is added.
async fn is_broken(mut body: Incoming) -> Result<()> {
    let rest = timeout(PATIENCE, body.frame()).await.context("no end")?.context("it ends as if it were whole")?;
    ensure!(rest.is_err(), "{rest:?}");
    Ok(())
}

/// A request that the app has seen, as so many in all, and not answered.
async fn silent(method: Method, seen: u32) -> Result<Asked> {
    let asked = tokio::spawn(async move { target().send(method, "/silent", Bytes::new()).await });
    in_the_app(seen).await?;
    Ok(asked)
}

/// The app itself is asked: to its queue-proxy an answer that a client has may be under way still.
async fn in_the_app(seen: u32) -> Result<()> {
    wait_for("the request is in the app", PATIENCE, || async {
        let reply = Target::named(([127, 0, 0, 1], APP_PORT).into(), objects::HOST).get("/seen").await?.expect(200)?;
        ensure!(reply.body == seen.to_string(), "{reply:?}");
        Ok(())
    })
    .await
}

async fn answers_again() -> Result<()> {
    wait_for("the next request is answered", PATIENCE, || async {
        let reply = target().get("/").await?.expect(200)?;
        ensure!(reply.body == "half", "{reply:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_app_that_dies_breaks_its_answers_and_what_is_idempotent_is_sent_again() -> Result<()> {
    let first = app().await?;
    let _stack = Stack::start(APP_PORT, false).await?;
    let halves = [half("/length").await?, half("/chunked").await?];
    let (get, post) = (silent(Method::GET, 1).await?, silent(Method::POST, 2).await?);
    first.end().await?;
    for half in halves {
        is_broken(half).await?;
    }
    let told = post.await??;
    ensure!((told.status, told.header("todoapp-error")) == (502, "upstream-broken"), "{told:?}");
    dies_with(get, 2).await
}

#[tokio::test]
async fn a_queue_proxy_that_dies_breaks_its_answers_and_what_is_idempotent_is_sent_again() -> Result<()> {
    let first = app().await?;
    let sidecar = Sidecar::start(APP_PORT, false, Place::default()).await?;
    let _front = stack::front(&["--pod", "127.0.0.1"], false, Place::default()).await?;
    let halves = [half("/length").await?, half("/chunked").await?];
    let post = silent(Method::POST, 1).await?;
    let mut get = silent(Method::GET, 2).await?;
    sidecar.process.end().await?;
    for half in halves {
        is_broken(half).await?;
    }
    let told = post.await??;
    ensure!((told.status, told.header("todoapp-error")) == (502, "upstream-broken"), "{told:?}");
    ensure!(!get.is_finished(), "it waits for a pod that takes it");
    let _sidecar = Sidecar::start(APP_PORT, false, Place::default()).await?;
    comes_again(&mut get, 3).await?;
    first.end().await?;
    dies_with(get, 1).await
}

/// A request that waits is sent again, and the app has then seen so many in all.
async fn comes_again(get: &mut Asked, seen: u32) -> Result<()> {
    answers_again().await?;
    tokio::select! {
        told = get => bail!("it waits for an app that takes it: {:?}", told??),
        seen = in_the_app(seen) => seen,
    }
}

/// A request that waits is sent again to apps that die with it, so many times; then its client is told.
async fn dies_with(mut get: Asked, times: usize) -> Result<()> {
    for _ in 0..times {
        let next = app().await?;
        comes_again(&mut get, 1).await?;
        next.end().await?;
    }
    let told = get.await??;
    ensure!((told.status, told.header("todoapp-error")) == (502, "upstream-broken"), "{told:?}");
    let _last = app().await?;
    answers_again().await
}
