//! `todoapp explain`: what a person is told of an app's decisions, over the way that kubectl has too.

use std::time::Duration;

use anyhow::ensure;
use cli::args::Explain;
use cli::explain::decisions;
use e2e::app::sleeping;
use e2e::decisions::{about, of};
use e2e::{App, Space, wait_for, with_namespace};
use serde_json::Value;

fn last_reason(decisions: &[Value]) -> &str {
    decisions.last().and_then(|decision| decision["reason"].as_str()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_and_the_sleep_after_it_are_explained() {
    with_namespace(async |space: Space| {
        let app = App::new("told").asleep(&space).await?;
        space.target(&app).await?.get("/").await?.expect(200)?;
        let woken = of(&space, "told").await?;
        let demand = woken.iter().rev().find(|decision| decision["reason"] == "demand");
        let Some(demand) = demand else { anyhow::bail!("no demand among {woken:#?}") };
        ensure!(demand["record"]["held"] == 1 && demand["record"]["desired"] == 1, "{demand:#}");
        ensure!(demand["text"].as_str().is_some_and(|text| text.starts_with("held 1,")), "{demand:#}");

        sleeping(&space, "told").await?;
        wait_for("a last decision that it sleeps", Duration::from_secs(10), || async {
            let asleep = of(&space, "told").await?;
            ensure!(["idle", "asleep"].contains(&last_reason(&asleep)), "{asleep:#?}");
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_exist_is_said_not_to() {
    with_namespace(async |space: Space| {
        let told = decisions(&space.client(), &about(&space, "nobody")).await;
        let expected = format!("there is no TodoApp `nobody` in namespace `{}`", space.name);
        ensure!(told.as_ref().is_err_and(|error| error.to_string() == expected), "{told:?}");
        let elsewhere = Explain { system_namespace: space.name.clone(), ..about(&space, "nobody") };
        let told = decisions(&space.client(), &elsewhere).await;
        ensure!(told.as_ref().is_err_and(|error| error.to_string().starts_with("there is no Lease")), "{told:?}");
        Ok(())
    })
    .await;
}
