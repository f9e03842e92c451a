//! By which names an app is reached, and by which it is not.

use std::time::Duration;

use anyhow::ensure;
use e2e::app::host;
use e2e::http::{Target, raw};
use e2e::observe::{deployment, pods};
use e2e::pod::Caller;
use e2e::{App, Cluster, Space, wait_for, with_namespace};
use serde_json::json;

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
