use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::app::tests::template;

/// An app with hosts of its own, and with tags.
fn app(name: &str, created: i64, own: &[&str], tags: &[&str]) -> TodoApp {
    let traffic: Vec<_> = tags.iter().map(|tag| json!({ "latest": true, "percent": 100, "tag": tag })).collect();
    let created = jiff::Timestamp::from_second(created).expect("a time").to_string();
    serde_json::from_value(json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
        "metadata": { "name": name, "namespace": "market", "uid": name, "creationTimestamp": created },
        "spec": { "template": template(), "traffic": traffic, "ingress": { "hosts": own } },
    }))
    .expect("an app")
}

fn hosts(template: &str) -> Hosts {
    Hosts { domain: "example.com".to_owned(), template: template.to_owned(), ..Hosts::default() }
}

fn names_of(app: &TodoApp, hosts: &Hosts, all: &[TodoApp]) -> Names {
    let tags: Vec<String> = app.spec.traffic.iter().filter_map(|t| t.tag.clone()).collect();
    decide(app, tags.iter(), hosts, |_| all.to_vec())
}

const USUAL: &str = "{name}.{namespace}.{domain}";

#[test]
fn of_two_apps_the_older_keeps_a_host_and_the_other_is_told_whose_it_is() {
    let all = [app("old", 1, &["shop.example.com"], &[]), app("new", 2, &["own.example.com", "shop.example.com"], &[])];
    let (old, new) = (names_of(&all[0], &hosts(USUAL), &all), names_of(&all[1], &hosts(USUAL), &all));
    assert_eq!(old, Names { app: Some("old.market.example.com".to_owned()), ..Names::default() });
    let problem = new.problem.expect("a problem");
    assert_eq!(problem.reason, "HostTaken");
    assert_eq!(
        problem.message,
        "`spec.ingress.hosts` has 'shop.example.com', which belongs to TodoApp 'market/old': take it out here or there"
    );
    assert_eq!(new.app.as_deref(), Some("new.market.example.com"), "the rest stays");
    assert_eq!(names_of(&all[1], &hosts(USUAL), &all[1..]).problem, None, "once the other is gone");
}

#[test]
fn a_generated_host_goes_before_the_own_one_of_an_older_app() {
    let all = [app("old", 1, &["v1-shop.market.example.com"], &[]), app("shop", 2, &[], &["v1"])];
    assert_eq!(names_of(&all[1], &hosts(USUAL), &all).problem, None);
    let problem = names_of(&all[0], &hosts(USUAL), &all).problem.expect("a problem");
    assert!(problem.message.ends_with("belongs to TodoApp 'market/shop': take it out here or there"), "{problem:?}");
}

#[test]
fn of_two_generated_hosts_the_younger_app_has_none_and_no_url() {
    let mut other = app("shop", 2, &[], &["v1"]);
    other.metadata.namespace = Some("bazaar".to_owned());
    let all = [app("shop", 1, &[], &["v1"]), other];
    let flat = hosts("{name}.{domain}");
    assert_eq!(names_of(&all[0], &flat, &all).app.as_deref(), Some("shop.example.com"));
    let lost = names_of(&all[1], &flat, &all);
    assert_eq!((lost.app, lost.tags.len()), (None, 0));
    let message = lost.problem.expect("a problem").message;
    let expected = "host 'shop.example.com' belongs to TodoApp 'market/shop': name this app or its tag otherwise, or \
                    change the `hosts` of the cluster's settings; host 'v1-shop.example.com' belongs to";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn an_app_of_visibility_cluster_claims_nothing() {
    let mut hidden = app("old", 1, &["shop.example.com"], &["v1"]);
    hidden.spec.ingress.visibility = Visibility::Cluster;
    let all = [hidden, app("new", 2, &["shop.example.com"], &[])];
    assert_eq!(names_of(&all[0], &hosts(USUAL), &all), Names::default());
    assert_eq!(names_of(&all[1], &hosts(USUAL), &all).problem, None);
}

#[test]
fn a_name_that_makes_no_host_is_told() {
    let long = app(&"n".repeat(50), 1, &[], &[]);
    let problem = names_of(&long, &hosts("{name}-of-{namespace}-apps.{domain}"), &[]).problem.expect("a problem");
    assert_eq!(problem.reason, "InvalidHost");
    assert!(problem.message.contains("has 65 characters and may have 63"), "{problem:?}");
}

proptest! {
    /// However apps and claims fall: each host that is claimed has one app, and that is the same in any order.
    #[test]
    fn each_host_has_one_app(
        wishes in proptest::collection::vec((0i64..3, proptest::collection::btree_set(0usize..4, 0..3), any::<bool>()), 1..6),
        turn in 0usize..6,
    ) {
        let pool = ["a.example.com", "app0.example.com", "v1-app1.example.com", "app2.example.com"];
        let flat = hosts("{name}.{domain}");
        let mut all: Vec<TodoApp> = wishes.iter().enumerate().map(|(n, (created, own, tagged))| {
            let own: Vec<&str> = own.iter().map(|host| pool[*host]).collect();
            app(&format!("app{n}"), *created, &own, if *tagged { &["v1"] } else { &[] })
        }).collect();
        let has = |all: &[TodoApp]| -> BTreeMap<String, Vec<String>> {
            let mut has: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for app in all {
                let names = names_of(app, &flat, all);
                let told = names.problem.map_or_else(String::new, |problem| problem.message);
                let own = app.spec.ingress.hosts.iter().filter(|host| !told.contains(&format!("`spec.ingress.hosts` has '{host}'")));
                let mut hosts: Vec<&String> = own.chain(&names.app).chain(names.tags.values()).collect();
                hosts.sort();
                hosts.dedup();
                for host in hosts {
                    has.entry(host.clone()).or_default().push(app.name_any());
                }
            }
            has
        };
        let before = has(&all);
        let claimed: std::collections::BTreeSet<String> = all.iter().flat_map(|app| claims(app, &flat)).map(|(host, _)| host).collect();
        prop_assert_eq!(before.keys().cloned().collect::<std::collections::BTreeSet<_>>(), claimed);
        prop_assert!(before.values().all(|apps| apps.len() == 1), "{:?}", before);
        let count = all.len();
        all.rotate_left(turn % count);
        prop_assert_eq!(before, has(&all));
    }
}
