//! How the demo calls an app: straight to the cluster's addresses where they can be reached, through
//! `kubectl port-forward` where they cannot.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncBufReadExt, BufReader, copy, sink},
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, timeout},
};

use crate::cluster::{Cluster, SYSTEM};

/// Longer than any hold.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// A way to an app.
pub(crate) struct Door {
    /// Address and port to connect to.
    pub(crate) address: String,
    /// What the app is called there.
    pub(crate) host: String,
    /// Ends with the door.
    _forward: Option<Child>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// `Server-Timing`, which tells where the time went when the request was held.
    pub(crate) timing: Option<String>,
    pub(crate) took: Duration,
}

impl Door {
    /// For the whole world: the activators' Service, which goes by host name.
    pub(crate) async fn public(cluster: &Cluster, app: &str, local: bool) -> Result<Self> {
        let status = cluster.app(app).await?.status.unwrap_or_default();
        let url = status.url.with_context(|| format!("{app} has no public address"))?;
        let host = url.trim_start_matches("http://").split(['/', ':']).next().unwrap_or_default().to_owned();
        if local {
            let address = cluster.service_address(SYSTEM, "todoapp-activator").await?;
            return Ok(Self { address: format!("{address}:80"), host, _forward: None });
        }
        let (forward, address) = forward("service/todoapp-activator", 80).await?;
        Ok(Self { address, host, _forward: Some(forward) })
    }

    /// For neighbours in the cluster: the Service with the app's name, which is a port of the activators.
    pub(crate) async fn neighbour(cluster: &Cluster, app: &str, local: bool) -> Result<Self> {
        let host = app.to_owned();
        if local {
            let address = cluster.service_address(crate::figures::NAMESPACE, app).await?;
            return Ok(Self { address: format!("{address}:80"), host, _forward: None });
        }
        let status = cluster.app(app).await?.status.unwrap_or_default();
        let port = status.cluster_port.with_context(|| format!("{app} has no port"))?;
        let activators = cluster.processes("activator").await?;
        let activator = activators.first().context("no activator runs")?;
        let (forward, address) = forward(&format!("pod/{activator}"), port).await?;
        Ok(Self { address, host, _forward: Some(forward) })
    }

    /// One connection.
    pub(crate) async fn connect(&self) -> Result<Line> {
        let stream =
            TcpStream::connect(&self.address).await.with_context(|| format!("connecting to {}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its error reaches the request that it concerns.
        tokio::spawn(connection);
        Ok(Line { sender, host: self.host.clone() })
    }
}

/// A connection on which one request follows the other.
pub(crate) struct Line {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

impl Line {
    /// `GET /`.
    pub(crate) async fn get(&mut self) -> Result<Answer> {
        timeout(ANSWER_MAX, self.ask()).await.context("no answer")?
    }

    async fn ask(&mut self) -> Result<Answer> {
        let begun = Instant::now();
        let request = Request::get("/").header(header::HOST, &self.host).body(Empty::new())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status().as_u16();
        let timing = response.headers().get("server-timing").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), timing, took: begun.elapsed() })
    }
}

/// The process, and the address at which it listens.
async fn forward(to: &str, port: u16) -> Result<(Child, String)> {
    let mut child = Command::new("kubectl")
        .args(["--namespace", SYSTEM, "port-forward", to, &format!(":{port}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting kubectl")?;
    let mut output = BufReader::new(child.stdout.take().context("kubectl has no output")?);
    let mut first = String::new();
    timeout(Duration::from_secs(20), output.read_line(&mut first)).await.context("kubectl port-forward")??;
    // `Forwarding from 127.0.0.1:43210 -> 8080`
    let Some(address) = first.split_whitespace().nth(2).filter(|word| word.starts_with("127.")) else {
        bail!("kubectl port-forward said: {first}");
    };
    // It writes a line for each connection, for which there has to be room.
    tokio::spawn(async move { copy(&mut output, &mut sink()).await });
    Ok((child, address.to_owned()))
}
