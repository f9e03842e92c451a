use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::args::Target;
use crate::world::{Canned, World, app, condition};

/// Discovery of our group, as far as it is read.
fn canned() -> Vec<Canned> {
    let resource = |name: &str, kind: &str| json!({ "name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "patch"] });
    let list = |version: &str, resources: Value| json!({ "kind": "APIResourceList", "groupVersion": version, "resources": resources });
    let ours = list("todoapp.dev/v1alpha1", json!([resource("todoapps", "TodoApp")]));
    let core = list("v1", json!([resource("configmaps", "ConfigMap")]));
    let answer = |path, body: Value| Canned { method: Method::GET, path, status: 200, body: body.to_string() };
    vec![answer("/apis/todoapp.dev/v1alpha1", ours), answer("/api/v1", core)]
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("todoapp-apply-{}-{name}.yaml", std::process::id()));
    std::fs::write(&path, text).expect("written");
    path
}

fn args(file: PathBuf, wait: bool) -> Apply {
    Apply {
        files: vec![file],
        wait,
        timeout: Duration::from_mins(1),
        force: false,
        output: Output::Text,
        target: Target::default(),
    }
}

const USER: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
# Nothing.
---
apiVersion: todoapp.dev/v1alpha1
kind: TodoApp
metadata: {name: user}
spec:
  template: {spec: {containers: [{image: i}]}}
  rollout: {strategy: Manual}
";

async fn told(world: &World, args: &Apply) -> (Result<(), Error>, String) {
    let mut page = Vec::new();
    let done = run(&world.session, args, &mut page).await;
    for file in &args.files {
        std::fs::remove_file(file).expect("it was there");
    }
    (done, String::from_utf8(page).expect("text"))
}

/// The operator says this after a while.
async fn operator(world: &World, conditions: Value) {
    sleep(Duration::from_secs(5)).await;
    let mut status = app("user");
    status["status"]["conditions"] = conditions;
    status["status"]["rollout"] = json!({ "stable": "user-00001" });
    world.say(&status);
}

#[tokio::test(start_paused = true)]
async fn every_document_is_applied_and_the_app_is_waited_for() {
    let world = World::new(canned());
    let args = args(file("user", USER), true);
    let ready = json!([condition("Ready", "True", "Ready", "requests are answered")]);
    let ((done, page), ()) = tokio::join!(told(&world, &args), operator(&world, ready));
    let expected = "\
configmap/settings applied
todoapp.todoapp.dev/user applied
TodoApp `user` is ready at http://user.default.todoapp.local; no release is under way: user-00001 is promoted
";
    assert_eq!((done, page.as_str()), (Ok(()), expected));
    let made = world.server.writes(|record| record.manager.as_deref() == Some("todoapp-cli"));
    assert_eq!(made, 2);
}

#[tokio::test(start_paused = true)]
async fn for_programs_each_step_is_a_line_of_json() {
    let world = World::new(canned());
    let args = Apply { output: Output::Json, ..args(file("json", USER), true) };
    let ready = json!([condition("Ready", "True", "Ready", "requests are answered")]);
    let ((done, page), ()) = tokio::join!(told(&world, &args), operator(&world, ready));
    assert_eq!(done, Ok(()));
    let lines: Vec<Value> = page.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0], json!({ "applied": "configmap/settings", "namespace": "default" }));
    let (app, stable) = (&lines[2], &lines[2]["rollout"]["stable"]);
    assert_eq!((&app["ready"], &app["namespace"], stable), (&"user".into(), &"default".into(), &"user-00001".into()));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_stalled_ends_the_wait_at_once_with_the_reason() {
    let world = World::new(canned());
    let stalled = json!([
        condition("Ready", "False", "ImagePullBackOff", "no image `i`"),
        condition("Stalled", "True", "ImagePullBackOff", "no image `i`"),
    ]);
    let (args, began) = (args(file("stalled", USER), true), Instant::now());
    let ((done, _), ()) = tokio::join!(told(&world, &args), operator(&world, stalled));
    let expected = "TodoApp `user` cannot get ready: ImagePullBackOff: no image `i`";
    assert_eq!(done, Err(Error::Failed(expected.to_owned())));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_nobody_looks_at_is_not_ready_in_time() {
    let world = World::new(canned());
    let (done, _) = told(&world, &args(file("alone", USER), true)).await;
    let expected = "TodoApp `user` is not ready within 60s: the operator has not looked at it; `todoapp check` tells \
                    whether one leads";
    assert_eq!(done, Err(Error::TimedOut(expected.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn fields_of_others_are_taken_over_by_force_alone() {
    let world = World::new(canned());
    let mut theirs = app("user");
    theirs["spec"]["concurrencyLimit"] = 5.into();
    world.make(&theirs);
    let mine = |force| {
        let text = format!("{USER}  concurrencyLimit: 7\n");
        Apply { force, ..args(file("force", &text), false) }
    };
    let (done, page) = told(&world, &mine(false)).await;
    let Err(Error::Failed(why)) = done else { panic!("{done:?}") };
    assert!(why.contains(".spec.concurrencyLimit") && why.ends_with("; --force takes the fields over"), "{why}");
    assert_eq!(page, "configmap/settings applied\n", "what came before is told");
    assert_eq!(told(&world, &mine(true)).await.0, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_file_is_named() {
    let world = World::new(canned());
    for (name, text, expected) in [
        ("empty", "# nothing\n", ": has no document: at least one object is needed"),
        ("kind", "apiVersion: v1\nmetadata: {name: a}\n", ", document 1: `kind` is missing: must be such as `TodoApp`"),
        (
            "name",
            "kind: List\napiVersion: v1\nitems: [{apiVersion: v1, kind: ConfigMap}]\n",
            ", document 1, item 1: `metadata.name` is missing: must be such as `user`",
        ),
    ] {
        let (done, page) = told(&world, &args(file(name, text), false)).await;
        assert!(page.is_empty());
        let Err(Error::Input(why)) = done else { panic!("{name}: {done:?}") };
        assert!(why.ends_with(expected), "{why}");
    }
    let (done, _) = told(&world, &args(file("yaml", "a: [\n"), false)).await;
    assert!(matches!(&done, Err(Error::Input(why)) if why.contains(": not YAML: ")), "{done:?}");
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: far}\n";
    let mut asked = args(file("namespace", other), false);
    asked.target.namespace = Some("default".to_owned());
    let (done, _) = told(&world, &asked).await;
    let expected = "`metadata.namespace` is `far`: must be `default`, as --namespace says, or be left out";
    assert!(matches!(&done, Err(Error::Input(why)) if why.ends_with(expected)), "{done:?}");
    let (done, _) =
        told(&world, &args(file("foreign", "apiVersion: v1\nkind: Cat\nmetadata: {name: a}\n"), false)).await;
    assert_eq!(done, Err(Error::Failed("cat/a: the cluster does not know kind `Cat` of `v1`".to_owned())));
}

fn read(object: Value) -> TodoApp {
    serde_json::from_value(object).expect("an app")
}

#[test]
fn readiness_of_an_older_generation_does_not_count() {
    let mut user = app("user");
    user["metadata"]["generation"] = 1.into();
    assert!(standing::verdict(&read(user.clone()), 1).is_some());
    assert!(standing::verdict(&read(user.clone()), 2).is_none(), "the watch has not seen the new one");
    user["metadata"]["generation"] = 2.into();
    assert!(standing::verdict(&read(user), 2).is_none(), "the operator has not seen it");
}
