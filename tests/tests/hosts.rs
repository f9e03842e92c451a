//! Two apps want one host: the older has it, the other says so, and gets it when it is free.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::{get, host, wait_condition};
use e2e::http::Target;
use e2e::{App, Space, wait_for, with_namespace};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

const SOON: Duration = Duration::from_secs(5);

/// Waits until requests for a host are answered by this app.
async fn answered_by(space: &Space, host: &str, app: &str) -> Result<()> {
    let target = Target::named(space.cluster.gateway().await?, host);
    wait_for(&format!("{host} answered by {app}"), SOON, || async {
        let reply = target.get("/").await?.expect(200)?;
        ensure!(reply.body.contains(&format!("{app}-00001-")), "{}", reply.body);
        Ok(())
    })
    .await
}

async fn taken(space: &Space, app: &str, message: &str) -> Result<()> {
    for (kind, value) in [("Routed", "False"), ("Ready", "False"), ("Stalled", "True")] {
        let told = wait_condition(space, app, kind, value, SOON).await?;
        ensure!(told == ("HostTaken".to_owned(), message.to_owned()), "{kind} of {app}: {told:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_app_keeps_a_host_and_the_other_gets_it_when_it_is_given_up_or_the_older_is_deleted() {
    with_namespace(async |space: Space| {
        let wanted = format!("shop-{}.example.com", space.name);
        let ingress = json!({ "hosts": [wanted] });
        let app = |name: &str| App::new(name).drowsy().field("ingress", ingress.clone());
        app("first").ready(&space).await?;
        // Times of creation have seconds; of the same second, the name decides.
        app("second").apply(&space).await?;
        app("third").apply(&space).await?;
        let of = |owner: &str| {
            let space = &space.name;
            format!("`spec.ingress.hosts` has '{wanted}', which belongs to TodoApp '{space}/{owner}': take it out here or there")
        };
        taken(&space, "second", &of("first")).await?;
        taken(&space, "third", &of("first")).await?;
        answered_by(&space, &wanted, "first").await?;
        let other = get(&space, "second").await?;
        answered_by(&space, &host(&other)?, "second").await?;

        let none = Patch::Merge(json!({ "spec": { "ingress": null } }));
        space.api::<api::TodoApp>().patch("first", &PatchParams::default(), &none).await?;
        wait_condition(&space, "second", "Ready", "True", SOON).await?;
        answered_by(&space, &wanted, "second").await?;
        taken(&space, "third", &of("second")).await?;

        space.api::<api::TodoApp>().delete("second", &DeleteParams::default()).await?;
        wait_condition(&space, "third", "Ready", "True", SOON).await?;
        answered_by(&space, &wanted, "third").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_host_goes_to_its_app_though_an_older_one_asked_for_it() {
    with_namespace(async |space: Space| {
        let generated = host(&App::new("model").drowsy().ready(&space).await?)?.replacen("model.", "late.", 1);
        let greedy = App::new("greedy").drowsy().field("ingress", json!({ "hosts": [generated] }));
        greedy.ready(&space).await?;
        answered_by(&space, &generated, "greedy").await?;
        let late = App::new("late").drowsy().ready(&space).await?;
        ensure!(host(&late)? == generated);
        answered_by(&space, &generated, "late").await?;
        let owner = format!("{}/late", space.name);
        let message = format!(
            "`spec.ingress.hosts` has '{generated}', which belongs to TodoApp '{owner}': take it out here or there"
        );
        taken(&space, "greedy", &message).await
    })
    .await;
}
