use http::Method;
use serde_json::json;

use super::*;
use crate::args::Target;
use crate::world::{Canned, SYSTEM, World, lease};

const POD: &str = "/api/v1/namespaces/todoapp-system/pods/todoapp-operator-a:9090/proxy/wake";

fn args(revision: Option<&str>) -> Wake {
    Wake {
        app: "user".to_owned(),
        revision: revision.map(str::to_owned),
        system_namespace: SYSTEM.to_owned(),
        output: Output::Text,
        target: Target::default(),
    }
}

async fn told(status: u16, body: String, args: &Wake) -> (Result<String, Error>, Vec<String>) {
    let world = World::new(vec![Canned { method: Method::POST, path: POD, status, body }]);
    world.make(&lease("todoapp-operator-a"));
    let mut page = Vec::new();
    let told = run(&world.session, args, &mut page).await.map(|()| String::from_utf8(page).expect("text"));
    let asked = world.asked.lock().clone();
    (told, asked)
}

#[tokio::test(start_paused = true)]
async fn the_leader_is_asked_and_what_it_wants_now_is_told() {
    let revisions = json!([{ "name": "user-1", "desired": 1 }, { "name": "user-2", "desired": 3 },
        { "name": "user-3", "desired": 0 }]);
    let body = json!({ "app": "user", "namespace": "default", "revisions": revisions }).to_string();
    let (told, asked) = told(200, body, &args(Some("user-1"))).await;
    let expected = "user-1: 1 pod is wanted\nuser-2: 3 pods are wanted\nuser-3: no pod is asked for: its last start \
                    failed, `todoapp explain user` says for how long\n";
    assert_eq!(told, Ok(expected.to_owned()));
    assert_eq!(asked, [format!("POST {POD}?namespace=default&app=user&revision=user-1")]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_way_is_named_with_the_right_that_a_post_takes() {
    let forbidden =
        json!({ "kind": "Status", "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403 });
    for (status, body, expected) in [
        (
            403,
            forbidden.to_string(),
            Error::Failed("the right to `create` `pods/proxy` in namespace `todoapp-system` is missing: no".to_owned()),
        ),
        (404, "there is no TodoApp `user`\n".to_owned(), Error::NotFound("there is no TodoApp `user`".to_owned())),
        (409, "nothing to wake\n".to_owned(), Error::Failed("nothing to wake".to_owned())),
    ] {
        let (told, _) = told(status, body, &args(None)).await;
        assert_eq!(told, Err(expected));
    }
}
