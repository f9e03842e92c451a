//! Clients during a release: one that sticks to its version, and one that asks for the new version by a header.

use anyhow::{Result, ensure};
use e2e::http::{Reply, Target, raw};
use e2e::{App, Space, with_namespace};
use serde_json::{Value, json};

use super::{gradual, has_share};

/// Cookie that the app's clients are known by.
const COOKIE: &str = "todo-rev";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sticks_to_its_version_and_a_header_chooses_the_new_one() {
    with_namespace(async |space: Space| {
        let mut rollout = gradual("1h", &[50], &Value::Null);
        rollout["stickiness"] = json!({ "cookie": COOKIE });
        let version = |v: &str| {
            App::new("sticky")
                .drowsy()
                .revision(&format!("sticky-{v}"))
                .env("VERSION", v)
                .field("rollout", rollout.clone())
        };
        version("v1").ready(&space).await?;
        let app = version("v2").ready(&space).await?;
        has_share(&space, "sticky", "sticky-v2", 50).await?;
        let target = space.target(&app).await?;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let first = target.get("/who").await?.expect(200)?;
            let cookie = cookie(&first)?;
            seen.insert(version_of(&first.body));
            for _ in 0..4 {
                let again = with_header(&target, "Cookie", &cookie).await?;
                ensure!(version_of(&again) == version_of(&first.body), "a client changed its version: {again}");
            }
        }
        ensure!(seen.len() == 2, "of twenty clients all got {seen:?}");
        for _ in 0..6 {
            let chosen = with_header(&target, "todoapp-tag", "candidate").await?;
            ensure!(version_of(&chosen) == "v2", "{chosen}");
        }
        Ok(())
    })
    .await;
}

/// `NAME=VALUE` of the cookie that came with an answer.
fn cookie(reply: &Reply) -> Result<String> {
    let pair = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    ensure!(pair.starts_with(&format!("{COOKIE}=")), "set-cookie: {}", reply.header("set-cookie"));
    Ok(pair)
}

/// The answer to a GET of `/who` with one more header.
async fn with_header(target: &Target, name: &str, value: &str) -> Result<String> {
    let request = format!("GET /who HTTP/1.1\r\nHost: {}\r\n{name}: {value}\r\nConnection: close\r\n\r\n", target.host);
    let answer = raw(target.address, request.as_bytes()).await?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(answer)
}

fn version_of(body: &str) -> String {
    body.trim().rsplit(' ').next().unwrap_or_default().to_owned()
}
