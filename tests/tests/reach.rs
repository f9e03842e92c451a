//! By which names an app is reached, and by which it is not.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::app::host;
use e2e::http::{Target, raw};
use e2e::observe::{deployment, pods};
use e2e::pod::Caller;
use e2e::{App, Cluster, Space, wait_for, with_namespace};
use http::Request;
use http::header::HOST;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_reaches_an_app_by_every_name_a_service_has() {
    with_namespace(async |space: Space| {
        let caller = Caller::start(&space, "caller").await?;
        App::new("user").asleep(&space).await?;
        let names =
            ["user".to_owned(), format!("user.{}", space.name), format!("user.{}.svc.cluster.local", space.name)];
        for name in names {
            let body = caller.get(&format!("http://{name}/")).await?;
            ensure!(body.starts_with("hello from "), "http://{name}/: {body}");
        }
        let body =
            caller.busybox(&["wget", "-q", "-O", "-", "--header", "Host: nonsense.invalid", "http://user/"]).await?;
        ensure!(body.starts_with("hello from "), "with a nonsense Host: {body}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_in_the_cluster_answers_whatever_the_host() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        App::new("any").drowsy().ready(&space).await?;
        let address = space.address("any").await?;
        wait_for("the Service", Duration::from_secs(10), || async { Target::at(address).get("/").await?.expect(200) })
            .await?;
        for host in ["any", "nonsense", "other.example.com:8080", "10.1.2.3", "UPPER.case"] {
            Target::named(address, host).get("/").await?.expect(200)?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_port_knows_the_generated_host_and_the_apps_own() {
    with_namespace(async |space: Space| {
        let own = format!("shop-{}.example.com", space.name);
        let app = App::new("shop").drowsy().field("ingress", json!({ "hosts": [own] })).ready(&space).await?;
        let gateway = space.cluster.gateway().await?;
        let generated = host(&app)?;
        ensure!(generated.starts_with(&format!("shop.{}.", space.name)), "{generated}");
        for host in
            [generated.clone(), own, format!("{generated}:80"), generated.to_uppercase(), format!("{generated}.")]
        {
            Target::named(gateway, &host).get("/").await?.expect(200)?;
        }
        let absolute =
            format!("GET http://{generated}/ HTTP/1.1\r\nHost: nonsense.invalid\r\nConnection: close\r\n\r\n");
        let answer = raw(gateway, absolute.as_bytes()).await?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "absolute form: {answer}");
        let unknown = Target::named(gateway, &format!("other.{generated}")).get("/").await?.expect(404)?;
        ensure!(unknown.header("todoapp-error") == "no-route", "{unknown:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_visibility_cluster_is_not_reached_through_the_public_port() {
    with_namespace(async |space: Space| {
        let open = App::new("open").drowsy().ready(&space).await?;
        let own = format!("hidden-{}.example.com", space.name);
        let traffic = json!([{ "latest": true, "percent": 100, "tag": "now" }]);
        let ingress = json!({ "visibility": "Cluster", "hosts": [own] });
        let hidden = App::new("hidden").field("traffic", traffic).field("ingress", ingress).asleep(&space).await?;
        let url = hidden.status.and_then(|s| s.url);
        ensure!(url.is_none(), "a public URL is told: {url:?}");

        let public = host(&open)?;
        let full = public.replacen("open.", "hidden.", 1);
        let namespace = &space.name;
        let inside = format!("hidden.{namespace}.svc.cluster.local");
        let hosts = [
            full.clone(),
            format!("{full}:80"),
            format!("{full}:8080"),
            format!("{full}."),
            full.to_uppercase(),
            format!("now-{full}"),
            own,
            "hidden".to_owned(),
            format!("hidden.{namespace}"),
            format!("hidden.{namespace}.svc"),
            inside.clone(),
            format!("now-{inside}"),
        ];
        let gateway = space.cluster.gateway().await?;
        for host in &hosts {
            let reply = Target::named(gateway, host).get("/").await?;
            ensure!((400..500).contains(&reply.status), "Host {host}: {reply:?}");
            for sent in [host.as_str(), &public] {
                let request = format!("GET http://{host}/ HTTP/1.1\r\nHost: {sent}\r\nConnection: close\r\n\r\n");
                let answer = raw(gateway, request.as_bytes()).await?;
                ensure!(answer.starts_with("HTTP/1.1 4"), "absolute form {host}, Host {sent}: {answer}");
            }
        }
        ensure!(pods(&space, "hidden").await?.is_empty(), "a refused request woke the app");
        ensure!(deployment(&space, "hidden").await?.spec.replicas == Some(0));
        let body = Caller::start(&space, "caller").await?.get("http://hidden/").await?;
        ensure!(body.starts_with("hello from "), "from a pod: {body}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trick_at_the_public_port_reaches_or_wakes_an_app_of_visibility_cluster() {
    with_namespace(async |space: Space| {
        let open = host(&App::new("open").drowsy().ready(&space).await?)?;
        let traffic = json!([{ "latest": true, "percent": 100, "tag": "now" }]);
        let hidden = App::new("hidden").field("traffic", traffic).field("ingress", json!({ "visibility": "Cluster" }));
        let hidden = hidden.asleep(&space).await?;
        let port = hidden.status.and_then(|status| status.cluster_port).context("a port")?;
        let secret = open.replacen("open.", "hidden.", 1);
        let inside = format!("hidden.{}.svc.cluster.local", space.name);
        let gateway = space.cluster.gateway().await?;
        for name in [&secret, &inside] {
            for (request, expected) in tricks(&open, name, port) {
                let answer = raw(gateway, request.as_bytes()).await?;
                ensure!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{request}{answer}");
                ensure!(!answer.contains("hello from hidden"), "{request}{answer}");
            }
        }
        for (authority, beside, expected) in [
            (&open, &open, 200),
            (&secret, &secret, 404),
            (&inside, &inside, 404),
            (&open, &secret, 400),
            (&secret, &open, 400),
        ] {
            let status = http2(gateway, authority, beside).await?;
            ensure!(status == expected, "HTTP/2, :authority {authority}, host {beside}: {status}");
        }
        for port in [port, 9090] {
            let other = SocketAddr::new(gateway.ip(), port);
            let dialled = timeout(Duration::from_secs(1), TcpStream::connect(other)).await;
            ensure!(!matches!(dialled, Ok(Ok(_))), "{other} is open to the outside");
        }
        ensure!(pods(&space, "hidden").await?.is_empty(), "a request that was refused woke the app");
        Ok(())
    })
    .await;
}

/// Requests that mean `secret`, whatever they say first, and the beginning of the status that each has to get.
fn tricks(open: &str, secret: &str, port: u16) -> Vec<(String, &'static str)> {
    let close = "Connection: close\r\n\r\n";
    let to = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\n{headers}{close}");
    let beside = |header: &str| to("/", &format!("Host: {open}\r\n{header}\r\n"));
    let smuggled = format!("GET / HTTP/1.1\r\nHost: {secret}\r\n\r\n");
    let length = smuggled.len() + 5;
    vec![
        // The open app answers: what is said beside its name counts for nothing.
        (beside(&format!("X-Forwarded-Host: {secret}")), "200"),
        (beside(&format!("Forwarded: host={secret}")), "200"),
        (beside(&format!("X-Original-Host: {secret}\r\nX-Host: {secret}\r\nX-Http-Host-Override: {secret}")), "200"),
        (beside("todoapp-tag: now"), "200"),
        (beside(&format!("todoapp-revision: hidden-00001\r\nK-Revision: hidden-00001\r\nAuthority: {secret}")), "200"),
        (to(&format!("//{secret}/"), &format!("Host: {open}\r\n")), "200"),
        (to(&format!("/http://{secret}/"), &format!("Host: {open}\r\n")), "200"),
        (to(&format!("http://{open}/"), &format!("Host: {secret}\r\n")), "200"),
        // Nobody does.
        (to("/", &format!("Host: {secret}:{port}\r\n")), "404"),
        (to("/", &format!("Host: {}.\r\n", secret.to_uppercase())), "404"),
        (to("/", &format!("Host: now-{secret}\r\ntodoapp-tag: now\r\n")), "404"),
        (to(&format!("http://{secret}/"), &format!("Host: {open}\r\n")), "404"),
        (to(&format!("https://{secret}:{port}/"), &format!("Host: {open}\r\n")), "404"),
        (to("/", &format!("Host: {open}\r\nHost: {secret}\r\n")), "400"),
        (to("/", &format!("Host: {secret}\r\nHost: {open}\r\n")), "400"),
        (to("/", &format!("Host: {open}\r\nhost : {secret}\r\n")), "400"),
        (to("/", &format!("Host: {open},{secret}\r\n")), "400"),
        (to("/", &format!("Host: {open} {secret}\r\n")), "400"),
        (to("/", &format!("Host: {open}@{secret}\r\n")), "400"),
        (to("/", &format!("Host: {open}\r\n\tX: {secret}\r\n")), "400"),
        (to(&format!("http://{open}@{secret}/"), &format!("Host: {open}\r\n")), "400"),
        (to("/", ""), "400"),
        (format!("CONNECT {secret}:80 HTTP/1.1\r\nHost: {secret}\r\n{close}"), "405"),
        // A second request in the body of the first.
        (
            format!(
                "POST / HTTP/1.1\r\nHost: {open}\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\
                 Connection: close\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            "",
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: {open}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            "",
        ),
        (format!("GET / HTTP/1.1\r\nHost: {open}\r\n\r\n{smuggled}"), "200"),
    ]
}

/// The status of a request by HTTP/2 with prior knowledge, with a `host` field beside its `:authority`.
async fn http2(gateway: SocketAddr, authority: &str, host: &str) -> Result<u16> {
    let stream = TokioIo::new(TcpStream::connect(gateway).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("http://{authority}/")).header(HOST, host).body(Empty::<Bytes>::new())?;
    let status = sender.send_request(request).await?.status().as_u16();
    connection.abort();
    Ok(status)
}
