//! Objects and requests, a line each ([`world`]); whom a request is led to, beside what a search through all claims
//! ([`oracle`]) says.

#![no_main]

mod oracle;
mod world;

use http::{HeaderMap, HeaderValue, Request, header::HOST};
use libfuzzer_sys::fuzz_target;

use activator::fuzzing::{Answer, Routing};

use self::world::{Ask, World};

fuzz_target!(|text: &str| {
    let world = World::read(text);
    let mut routing = Routing::default();
    // A table follows each object: however they come, the last one is the same.
    for app in &world.apps {
        routing.app(app.young()).expect("an app");
        routing.publish();
    }
    for revision in &world.live {
        routing.revision(revision.object()).expect("a revision");
        routing.publish();
    }
    for app in &world.apps {
        routing.app(app.object()).expect("an app");
        routing.publish();
    }
    for revision in world.live.iter().filter(|revision| revision.gone) {
        routing.no_revision(&revision.namespace, &revision.name);
        routing.publish();
    }
    for app in world.apps.iter().filter(|app| app.gone) {
        routing.no_app(&app.namespace, &app.name);
        routing.publish();
    }
    for ask in &world.asks {
        check(&world, &routing, ask);
    }
});

fn check(world: &World, routing: &Routing, ask: &Ask) {
    // What is no host does not get so far.
    let request = Request::builder().uri("/").header(HOST, &ask.authority).body(());
    if !request.is_ok_and(|request| proxy::headers::check(&request).is_ok()) {
        return;
    }
    let mut headers = HeaderMap::new();
    if let Some(tag) = ask.tag.as_deref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
        headers.insert("todoapp-tag", tag);
    }
    let answer = routing.ask(ask.port, &ask.authority, &headers);
    let expected = oracle::find(world, ask);
    assert!(expected.contains(&answer), "{ask:?} gets {answer:?}, expected is one of {expected:?} in {world:?}");

    if let (None, Answer::Revision(led)) = (ask.port, &answer) {
        let hidden = world.apps().filter(|app| !app.public);
        let hidden = hidden.flat_map(|app| app.targets.iter().map(|target| app.revision(&target.revision)));
        let shown = world.apps().filter(|app| app.public);
        let shown: Vec<_> =
            shown.flat_map(|app| app.targets.iter().map(|target| app.revision(&target.revision))).collect();
        assert!(!hidden.filter(|name| !shown.contains(name)).any(|name| name == *led), "{led} is of the cluster alone");
    }
}
