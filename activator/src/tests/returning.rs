//! A pod that goes and comes back.

use std::sync::Arc;

use super::world::{World, nobody};
use crate::{hold::share::Cap, pick};

#[tokio::test]
async fn a_place_taken_at_the_moment_that_a_pod_goes_still_counts_when_it_is_back() {
    let mut world = World::new();
    let uid = world.simple("web", 1);
    let revision = world.revisions.get(&uid).unwrap();
    let pods = [(nobody(), true)];
    world.slice(&uid, &pods);
    let read = revision.read();
    world.slice(&uid, &[]);
    assert!(revision.read().is_empty());
    let taken = pick::choose(&read, Cap::Open).unwrap();
    world.slice(&uid, &pods);
    assert!(Arc::ptr_eq(taken, &revision.read()[0]), "one pod, one count");
    assert!(revision.take().is_none(), "its only place is taken");
}
