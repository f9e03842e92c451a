//! What is in a store after what a watch said.

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::*;

type Said = Event<Watched<Service>>;

fn object(name: &str, uid: &str, owner: &str) -> Watched<Service> {
    let owners = json!([{ "apiVersion": "v1", "kind": "A", "name": "a", "uid": owner, "controller": true }]);
    let metadata = json!({ "name": name, "namespace": "ns", "uid": uid, "ownerReferences": owners });
    serde_json::from_value(json!({ "metadata": metadata, "spec": {} })).expect("an object")
}

fn store() -> Store<Value> {
    Store::new(&[By::Uid, By::Controller])
}

fn list(store: &Store<Value>, objects: &[(&str, &str, &str)]) -> Vec<String> {
    let objects = objects.iter().map(|(name, uid, owner)| Said::InitApply(object(name, uid, owner)));
    let said: Vec<_> = [Said::Init].into_iter().chain(objects).chain([Said::InitDone]).collect();
    said.into_iter().flat_map(|event| names(store.take(event))).collect()
}

fn names(touched: Vec<ObjectMeta>) -> Vec<String> {
    touched.into_iter().filter_map(|metadata| metadata.name).collect()
}

fn found(objects: &[Value]) -> Vec<&str> {
    let mut names: Vec<_> = objects.iter().filter_map(|o| o["metadata"]["name"].as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_first_list_tells_nobody_and_a_later_one_tells_of_what_is_gone_too() {
    let store = store();
    assert!(list(&store, &[("a", "1", "x"), ("b", "2", "x")]).is_empty());
    store.listed().await;
    assert_eq!(list(&store, &[("b", "2", "x"), ("c", "3", "x")]), ["b", "c", "a"]);
    assert_eq!(found(&store.all().collect::<Vec<_>>()), ["b", "c"]);
    assert!(store.get(&Key::new("ns", "a")).is_none());
}

#[test]
fn an_object_is_found_by_its_key_and_by_what_it_says_now() {
    let store = store();
    list(&store, &[("a", "1", "x"), ("b", "2", "x"), ("c", "3", "y")]);
    assert_eq!(found(&store.by(By::Controller, "x")), ["a", "b"]);
    assert_eq!(names(store.take(Said::Apply(object("a", "9", "y")))), ["a"]);
    assert_eq!(found(&store.by(By::Controller, "x")), ["b"]);
    assert_eq!(found(&store.by(By::Controller, "y")), ["a", "c"]);
    assert_eq!(found(&store.by(By::Uid, "9")), ["a"]);
    assert!(!store.may_have(By::Uid, "1"));
    assert_eq!(store.get(&Key::new("ns", "a")).expect("there")["metadata"]["uid"], "9");
    assert!(store.get(&Key::new("other", "a")).is_none());
}

#[test]
fn what_is_deleted_is_gone_and_its_place_is_used_again() {
    let store = store();
    list(&store, &[("a", "1", "x"), ("b", "2", "x")]);
    assert_eq!(names(store.take(Said::Delete(object("a", "1", "x")))), ["a"]);
    assert!(store.by(By::Uid, "1").is_empty() && !store.may_have(By::Uid, "1"));
    assert!(names(store.take(Said::Delete(object("a", "1", "x")))).contains(&"a".to_owned()), "told again, no harm");
    store.take(Said::Apply(object("c", "3", "x")));
    assert_eq!(store.slots(), 2);
    let mut keys: Vec<_> = store.keys(0..store.slots()).iter().map(Key::to_string).collect();
    keys.sort();
    assert_eq!(keys, ["ns/b", "ns/c"]);
}

#[test]
fn a_list_that_broke_off_drops_nothing() {
    let store = store();
    list(&store, &[("a", "1", "x"), ("b", "2", "x")]);
    store.take(Said::Init);
    store.take(Said::InitApply(object("a", "1", "x")));
    assert_eq!(found(&store.all().collect::<Vec<_>>()), ["a", "b"]);
    list(&store, &[("b", "2", "x")]);
    assert_eq!(found(&store.all().collect::<Vec<_>>()), ["b"]);
}

#[test]
fn an_object_that_cannot_be_read_hides_no_other() {
    let store: Store<Service> = Store::new(&[]);
    let mut broken = object("broken", "1", "x");
    broken.text = broken.text.replace("{}", "7");
    store.take(Said::Apply(broken));
    store.take(Said::Apply(object("whole", "2", "x")));
    assert!(store.get(&Key::new("ns", "broken")).is_none());
    assert_eq!(store.all().count(), 1);
}
