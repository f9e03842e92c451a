//! Who joins, what is said, who leaves.

use super::*;

#[test]
fn draining_is_told_at_once_and_ready_again_too() {
    let mut world = World::with(Spec::default(), 1, 1);
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    world.activator();
    assert_eq!(world.told(), [Down::Endpoints(vec![endpoint("p1")]), desired(1)]);
    for (word, told) in [
        (Up::Ready, Vec::new()),
        (Up::Draining, vec![Down::EndpointDown(endpoint("p1"))]),
        (Up::Draining, Vec::new()),
        (Up::Ready, vec![up("p1")]),
    ] {
        world.say(pod, word);
        assert_eq!(world.told(), told);
    }
    world.say(pod, Up::Draining);
    world.told();
    world.core.join_activator(EPOCH, "activator-1".into());
    let opening = [Down::Endpoints(Vec::new()), Down::EndpointDown(endpoint("p1")), desired_among(1, 2)];
    assert_eq!(world.told(), opening, "slices may still list it");
}

#[test]
fn a_broken_stream_is_news_only_if_the_pod_is_gone() {
    for (listed, told) in [(true, Vec::new()), (false, vec![Down::EndpointDown(endpoint("p1"))])] {
        let mut world = World::with(Spec::default(), 1, 1);
        world.activator();
        let pod = world.pod("p1", EPOCH);
        world.say(pod, Up::Ready);
        world.told();
        if listed {
            world.listed.borrow_mut().insert(address("p1"));
        }
        world.core.leave(world.now, pod);
        world.now += seconds(2);
        world.tick();
        assert!(world.told().is_empty(), "time to dial again");
        world.now += seconds(2);
        world.tick();
        assert_eq!(world.told(), told);
        let pod = world.pod("p1", EPOCH);
        world.say(pod, Up::Ready);
        assert_eq!(world.told(), [up("p1")]);
    }
}

#[test]
fn dialling_again_replaces_the_stream_without_news() {
    let mut world = World::with(Spec::default(), 1, 1);
    world.activator();
    let former = world.pod("p1", EPOCH);
    world.say(former, Up::Ready);
    world.told();
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    assert!(world.told().is_empty());
    assert_eq!(world.closed, [former]);
    world.core.leave(world.now, former);
    world.now += seconds(10);
    world.tick();
    assert!(!world.told().contains(&Down::EndpointDown(endpoint("p1"))));
}

#[test]
fn a_restarted_queue_proxy_has_to_announce_itself_anew() {
    let mut world = World::with(Spec::default(), 1, 1);
    world.activator();
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    world.told();
    world.pod("p1", EPOCH + 1);
    assert_eq!(world.told(), [Down::EndpointDown(endpoint("p1"))]);
}

#[test]
fn an_address_that_is_not_its_own_is_told_once_it_is_confirmed() {
    let mut world = World::with(Spec::default(), 1, 1);
    world.activator();
    let pod = world.core.join_pod(UID, "p1".into(), address("p1"), EPOCH, false);
    world.told();
    world.say(pod, Up::Ready);
    assert!(world.told().is_empty());
    world.core.confirm(pod);
    assert_eq!(world.told(), [up("p1")]);
}

#[test]
fn nobody_speaks_for_others() {
    let mut world = World::with(Spec::default(), 1, 1);
    let activator = world.activator();
    let pod = world.pod("p1", EPOCH);
    let foreign = Load { revision_uid: "other".into(), now: 9, buckets: Vec::new() };
    for (peer, message) in [
        (activator, Up::Ready),
        (activator, Up::Draining),
        (pod, demand(9)),
        (pod, Up::Report { second: 1, loads: vec![foreign] }),
    ] {
        assert_eq!(world.core.message(world.now, peer, message), Err(Violation));
    }
}

#[test]
fn unknown_revisions_are_counted_and_forgotten() {
    let mut world = World::new();
    let activator = world.activator();
    world.say(activator, demand(9));
    world.say(activator, report(5, 1, &[1.0]));
    assert_eq!(world.core.take_ignored(), 2);
    let pod = world.pod("p1", EPOCH);
    world.say(pod, report(5, 1, &[1.0]));
    world.core.leave(world.now, pod);
    world.now += seconds(200);
    world.tick();
    assert!(world.core.revisions.is_empty());
}
