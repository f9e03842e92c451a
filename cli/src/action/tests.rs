use std::time::Duration;

use http::Method;
use testkit::api_server::Verb;
use testkit::api_server::faults::{Effect, Fault};
use tokio::time::sleep;

use super::*;
use crate::args::Target;
use crate::world::{Canned, World, app, revision};

fn args(token: Option<&str>) -> Action {
    Action {
        app: "user".to_owned(),
        revision: None,
        token: token.map(str::to_owned),
        no_wait: false,
        timeout: Duration::from_secs(30),
        output: Output::Text,
        target: Target::default(),
    }
}

fn world() -> World {
    let world = World::new(vec![]);
    world.make(&app("user"));
    world.make(&revision("user", 1));
    world
}

fn wish(world: &World) -> Value {
    let stored = world.server.local("a").get(("todoapp.dev/v1alpha1", "TodoApp"), "default", "user").expect("there");
    stored["spec"]["rollout"]["action"].clone()
}

/// The operator takes the wish up after this time, whatever it is.
async fn operator(world: &World, after: Duration) {
    sleep(after).await;
    let rollout = json!({ "stable": "user-00002", "actionToken": wish(world)["token"] });
    let mut user = app("user");
    user["status"] = json!({ "rollout": rollout });
    world.say(&user);
}

async fn told(world: &World, kind: ActionKind, args: &Action) -> Result<String, Error> {
    let mut page = Vec::new();
    run(&world.session, kind, args, &mut page).await.map(|()| String::from_utf8(page).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn the_wish_is_written_and_its_end_is_told() {
    let world = world();
    let wished = args(Some("mine"));
    let (told, ()) = tokio::join!(told(&world, ActionKind::Promote, &wished), operator(&world, Duration::from_secs(9)));
    assert_eq!(told, Ok("TodoApp user: no release is under way: user-00002 is promoted\n".to_owned()));
    assert_eq!(wish(&world), json!({ "type": "Promote", "token": "mine" }));
    let again = self::told(&world, ActionKind::Promote, &Action { output: Output::Json, ..wished }).await;
    let again: Value = serde_json::from_str(&again.expect("done already")).expect("JSON");
    assert_eq!((&again["action"], &again["rollout"]["stable"]), (&json!("Promote"), &json!("user-00002")));
}

#[tokio::test(start_paused = true)]
async fn each_wish_has_a_token_of_its_own_and_the_revision_of_the_one_before_does_not_stay() {
    let world = world();
    let mut user = app("user");
    user["status"] = json!({ "rollout": { "stable": "user-00000", "candidate": "user-00001", "phase": "Warming" } });
    world.say(&user);
    let named = Action { revision: Some("user-00001".to_owned()), ..args(None) };
    told(&world, ActionKind::Pause, &Action { no_wait: true, ..named }).await.expect("written");
    let first = wish(&world);
    assert_eq!((&first["type"], &first["revision"]), (&json!("Pause"), &json!("user-00001")));
    told(&world, ActionKind::Resume, &Action { no_wait: true, ..args(None) }).await.expect("written");
    let second = wish(&world);
    assert_eq!((&second["type"], second.get("revision")), (&json!("Resume"), None));
    assert_ne!(first["token"], second["token"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_already_is_not_written_again() {
    let world = world();
    let mut user = app("user");
    user["status"] = json!({ "rollout": { "stable": "user-00001", "actionToken": "mine" } });
    world.say(&user);
    let told = told(&world, ActionKind::Abort, &args(Some("mine"))).await;
    assert_eq!(told, Ok("TodoApp user: no release is under way: user-00001 is promoted\n".to_owned()));
    assert_eq!(wish(&world), Value::Null);
}

#[tokio::test(start_paused = true)]
async fn without_an_operator_the_wait_ends_and_says_how_to_go_on() {
    let expected = "the operator has not done `abort` within 30s (token `mine`): does one lead? `todoapp check` tells; \
                    asking again with this token does no harm";
    let told = told(&world(), ActionKind::Abort, &args(Some("mine"))).await;
    assert_eq!(told, Err(Error::TimedOut(expected.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named_and_nothing_is_written() {
    let world = world();
    let nobody = Action { app: "nobody".to_owned(), ..args(None) };
    let error = told(&world, ActionKind::Promote, &nobody).await.expect_err("unknown");
    assert_eq!(error, Error::NotFound("there is no TodoApp `nobody` in namespace `default`".to_owned()));
    let other = Action { revision: Some("user-00001".to_owned()), ..args(None) };
    let error = told(&world, ActionKind::Promote, &other).await.expect_err("not released");
    let expected = "`user-00001` is not the revision that is being released: no release yet";
    assert_eq!(error, Error::Failed(expected.to_owned()));
    let wrong = Action { revision: Some("user-7".to_owned()), ..args(None) };
    let error = told(&world, ActionKind::Promote, &wrong).await.expect_err("unknown");
    let expected = "TodoApp `user` has no revision `user-7`; there is `user-00001`";
    assert_eq!(error, Error::NotFound(expected.to_owned()));
    assert_eq!(wish(&world), Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stumbles_is_waited_for_and_a_right_that_is_missing_is_not() {
    let world = world();
    let busy = Fault::new(Effect::InternalError).verbs(&[Verb::List, Verb::Watch]);
    world.server.add_fault(busy.during(Duration::ZERO, Duration::from_secs(4)));
    let wished = args(None);
    let (told, ()) = tokio::join!(told(&world, ActionKind::Pause, &wished), operator(&world, Duration::from_secs(9)));
    assert_eq!(told, Ok("TodoApp user: no release is under way: user-00002 is promoted\n".to_owned()));

    let forbidden =
        json!({ "kind": "Status", "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403 });
    let path = "/apis/todoapp.dev/v1alpha1/namespaces/default/todoapps";
    let world = World::new(vec![Canned { method: Method::GET, path, status: 403, body: forbidden.to_string() }]);
    world.make(&app("user"));
    let told = self::told(&world, ActionKind::Pause, &args(None)).await;
    let expected = "the right to `list` `todoapps.todoapp.dev` in namespace `default` is missing: no";
    assert_eq!(told, Err(Error::Failed(expected.to_owned())));
}
