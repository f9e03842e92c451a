mod made;

use serde_json::{Value, json};

use super::facts::Facts;
use super::findings::{Group, Outcome};
use super::*;
use crate::args::Target;
use crate::world::{SYSTEM, World, app, condition, lease};
use made::{canned, deployment, ill, operator, read, slice, sound, with_more, without};

fn outcome(groups: &[Group], code: &str) -> String {
    let mut all = groups.iter().flat_map(|group| &group.findings);
    let found = all.find(|finding| finding.code == code).expect("a check of this code");
    match &found.outcome {
        Outcome::Good { what } => format!("good: {what}"),
        Outcome::Hint { what, .. } => format!("hint: {what}"),
        Outcome::Error { what, .. } => format!("error: {what}"),
    }
}

#[test]
fn a_sound_installation_has_a_tick_at_each_check() {
    let page = report::render(&groups(&sound()));
    let expected = "\
Cluster
-------
√ T001 Kubernetes is 1.34
√ T002 the kinds TodoApp and Revision are there
√ T003 their fields are those of this version

Operator
--------
√ T004 Deployment `todoapp-operator` has 1 of 1 pods ready
√ T005 `todoapp-operator-a` leads
√ T006 Service `todoapp-hub` leads to the leader at 10.0.0.7
√ T007 ConfigMap `todoapp-settings` is valid

Activators
----------
√ T008 Deployment `todoapp-activator` has 2 of 2 pods ready
√ T009 2 ready: the loss of one is not noticed

Your rights
-----------
√ T010 every verb of this command may be used

Apps
----
√ T011 no app of 1 is stalled
√ T012 every other app is ready
√ T013 all of 1 revisions have the sidecar q:2

all is sound
";
    assert_eq!(page, expected, "\n{page}");
}

type Break = fn(&mut Facts);

#[test]
fn each_thing_that_is_wrong_is_found_by_its_check_and_by_no_other() {
    let cases: [(&str, Break, &str); 22] = [
        ("T001", |f| f.version = Ok((1, 32)), "error: Kubernetes is 1.32"),
        ("T001", |f| f.version = Err("refused".into()), "error: the API server does not say its version: refused"),
        (
            "T002",
            |f| f.crds[0].installed = Ok(None),
            "error: there is no CustomResourceDefinition `todoapps.todoapp.dev`",
        ),
        (
            "T003",
            |f| without(f, "rollout"),
            "error: CustomResourceDefinition `todoapps.todoapp.dev` is older than this \
            command: it lacks `spec.rollout`",
        ),
        (
            "T003",
            with_more,
            "hint: CustomResourceDefinition `todoapps.todoapp.dev` is newer than this command: it has \
            `spec.future`",
        ),
        (
            "T004",
            |f| {
                f.operator.as_mut().expect("known").as_mut().expect("there").status = None;
            },
            "error: Deployment `todoapp-operator` has no ready pod of 1",
        ),
        ("T005", |f| f.renewed = false, "error: `todoapp-operator-a` holds the Lease and does not renew it"),
        ("T005", |f| f.lease = Ok(None), "error: there is no Lease"),
        ("T005", |f| f.lease = Ok(Some(read(lease("")))), "error: nobody holds the Lease: no operator leads"),
        (
            "T006",
            |f| f.hub = Ok(vec![read(slice("10.0.0.9"))]),
            "error: Service `todoapp-hub` leads to 10.0.0.9, and not to the leader at 10.0.0.7",
        ),
        ("T006", |f| f.hub = Ok(vec![]), "error: Service `todoapp-hub` leads nowhere, and not to the leader"),
        (
            "T007",
            |f| f.settings = Ok(Some(read(json!({ "metadata": {}, "data": { "defaults": "max: 0" } })))),
            "error: ConfigMap `todoapp-settings`: defaults.max is 0: must be from 1 to 1000; the settings before it hold",
        ),
        ("T007", |f| f.settings = Ok(None), "good: there is no ConfigMap `todoapp-settings`: defaults hold"),
        (
            "T008",
            |f| f.activator = Ok(Some(read(deployment("a", 3, 2, json!({ "name": "a" }))))),
            "hint: Deployment `todoapp-activator` has 2 ready pods of 3",
        ),
        (
            "T009",
            |f| f.activator = Ok(Some(read(deployment("a", 1, 1, json!({ "name": "a" }))))),
            "hint: 1 ready: nobody is answered while there is none",
        ),
        (
            "T010",
            |f| f.rights = rights::ALL.map(|right| (right, Ok(right.verb != "create"))).to_vec(),
            "hint: missing: `create` on `pods/proxy` where todoapp is installed (for wake)",
        ),
        ("T010", |f| f.rights[0].1 = Err("no".into()), "hint: the cluster does not say what you may do: no"),
        ("T011", |f| ill(f, "Stalled", "True"), "error: 1 stalled: default/user: ImagePullBackOff: no image"),
        ("T012", |f| ill(f, "Ready", "False"), "hint: 1 not ready yet: default/user: ImagePullBackOff: no image"),
        (
            "T012",
            |f| f.apps.as_mut().expect("apps")[0].metadata.generation = Some(2),
            "hint: 1 not ready yet: default/user: the operator has not looked at it",
        ),
        (
            "T013",
            |f| {
                let container = json!({ "name": "queue-proxy", "image": "q:1" });
                f.deployments.as_mut().expect("known").push(read(deployment("b", 1, 1, container)));
            },
            "hint: 1 with another sidecar than q:2: todoapp-system/b",
        ),
        (
            "T011",
            |f| f.apps = Err("the right is missing".into()),
            "hint: apps cannot be looked at: the right is missing",
        ),
    ];
    for (code, spoil, expected) in cases {
        let mut facts = sound();
        spoil(&mut facts);
        let groups = groups(&facts);
        let told = outcome(&groups, code);
        assert!(told.starts_with(expected) && !told.contains("`spec.rollout."), "{code}: {told}");
        let Sum { errors, hints } = Sum::of(&groups);
        // What cannot be read at all is missing to each check that needs it.
        assert!(
            errors + hints <= if expected.contains("cannot be looked at") { 2 } else { 1 },
            "{expected}: {errors} {hints}"
        );
    }
}

#[test]
fn a_finding_says_how_to_mend_it_and_many_objects_are_counted() {
    let mut facts = sound();
    let stalled = |n: u32| {
        let mut app = app(&format!("app-{n}"));
        app["status"]["conditions"] = json!([condition("Stalled", "True", "R", "m")]);
        read(app)
    };
    facts.apps = Ok((0..12).map(stalled).collect());
    let groups = groups(&facts);
    let page = report::render(&groups);
    assert!(page.contains("× T011 12 stalled: default/app-0: R: m; "), "{page}");
    assert!(page.contains("default/app-9: R: m; and 2 more\n       mend what the reason names;"), "{page}");
    assert!(page.ends_with("\n1 error, 0 hints\n"), "{page}");
}

async fn told(world: &World, output: Output) -> (Result<(), Error>, String) {
    let args = Check { system_namespace: SYSTEM.to_owned(), output, target: Target::default() };
    let mut page = Vec::new();
    let done = run(&world.session, &args, &mut page).await;
    (done, String::from_utf8(page).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_looked_at_and_errors_end_with_exit_code_1() {
    let world = World::new(canned());
    let (done, page) = told(&world, Output::Text).await;
    assert_eq!(done, Err(Error::Failed("3 errors, 3 hints".to_owned())), "{page}");
    assert!(
        page.contains("× T004 there is no Deployment `todoapp-operator` in namespace `todoapp-system`\n"),
        "{page}"
    );
    for made in [operator(), deployment("todoapp-activator", 2, 2, json!({ "name": "activator", "image": "a" }))] {
        world.make(&made);
    }
    let mut lease = lease("todoapp-operator-a");
    lease["spec"]["renewTime"] = json!(jiff::Timestamp::now());
    world.make(&lease);
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "todoapp-operator-a", "namespace": SYSTEM },
        "spec": { "containers": [{ "name": "o", "image": "o" }] }, "status": { "podIP": "10.0.0.7" } });
    world.make(&pod);
    let mut hub = slice("10.0.0.7");
    hub["apiVersion"] = "discovery.k8s.io/v1".into();
    hub["kind"] = "EndpointSlice".into();
    hub["metadata"] = json!({ "name": "todoapp-hub", "namespace": SYSTEM, "labels": { "kubernetes.io/service-name": "todoapp-hub" } });
    world.make(&hub);
    let (done, page) = told(&world, Output::Json).await;
    assert_eq!(done, Ok(()), "{page}");
    let page: Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!((&page["errors"], &page["hints"]), (&0.into(), &0.into()), "{page:#}");
    assert_eq!(
        page["groups"][0]["findings"][0],
        json!({ "code": "T001", "outcome": "good", "what": "Kubernetes is 1.34" })
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_another_clock_is_fresh_when_it_is_renewed_while_we_look() {
    for renewed in [true, false] {
        let world = World::new(canned());
        let mut lease = lease("todoapp-operator-a");
        lease["spec"]["renewTime"] = "2020-01-01T00:00:00.000000Z".into();
        world.make(&lease);
        let leader = async {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            if renewed {
                let patch = json!({ "spec": { "renewTime": "2020-01-01T00:00:02.000000Z" } });
                world.server.local("operator").patch(&lease, patch).expect("renewed");
            }
        };
        let ((_, page), ()) = tokio::join!(told(&world, Output::Text), leader);
        let expected = if renewed {
            "√ T005 `todoapp-operator-a` leads\n"
        } else {
            "× T005 `todoapp-operator-a` holds the Lease and "
        };
        assert!(page.contains(expected), "{page}");
    }
}
