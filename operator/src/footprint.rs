//! What each further sleeping app takes of the heap. Counted are the allocations of the test's own thread, so the
//! figures are the same at every run.

pub mod objects;

use std::fmt::Debug;

use allocation_counter::{AllocationInfo, measure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Resource;
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::objects::Objects;
use crate::autoscaler::tests::sleepers::Sleepers;
use crate::cluster::Stores;
use crate::hosts::HostBook;
use crate::ports::PortBook;
use crate::store::{Store, Watched};

/// Promised are 4 kB of the working set. The allocator's own share, and holes that it cannot fill, come on top of what
/// is counted here.
const BYTES_MAX: i64 = 2_800;
/// Each takes up to 16 bytes more than it asked for.
const ALLOCATIONS_MAX: i64 = 16;

/// Sleeping apps that are there already, and as many further ones.
const APPS: u64 = 300;

/// All that is kept of apps.
struct Kept {
    stores: Stores,
    ports: PortBook,
    hosts: HostBook,
    sleepers: Sleepers,
}

/// What was taken, by what for.
type Taken = Vec<(&'static str, AllocationInfo)>;

impl Kept {
    fn add(&mut self, from: u64) -> Taken {
        let mut taken = Taken::new();
        let mut note = |kind: &'static str, took: AllocationInfo| match taken.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, sum)) => *sum += took,
            None => taken.push((kind, took)),
        };
        let Stores { apps, revisions, deployments, services, slices, .. } = &self.stores;
        let mut asleep = Vec::new();
        for n in from..from + APPS {
            let Objects { name, revision_name, revision_uid, .. } = Objects::of(n, 0);
            for version in [Objects::of(n, 1), Objects::of(n, 0)] {
                note("TodoApp", keep::<api::TodoApp, _>(apps, &version.app));
                note("Revision", keep::<api::Revision, _>(revisions, &version.revision));
                note("Deployment", keep::<Deployment, _>(deployments, &version.deployment));
                note("Service of the app", keep::<Service, _>(services, &version.service));
                note("Service of the revision", keep::<Service, _>(services, &version.revision_service));
                note("EndpointSlice of the app", keep::<EndpointSlice, _>(slices, &version.slice));
                note("EndpointSlice of the revision", keep::<EndpointSlice, _>(slices, &version.revision_slice));
            }
            let ports = &mut self.ports;
            note("port", measure(|| assert!(ports.claim(&format!("default/{name}"), None).is_ok())));
            let hosts = &mut self.hosts;
            let claims = [(format!("{name}.default.todoapp.local"), ())];
            note("host", measure(|| assert!(hosts.enter(n as u32, &claims).is_empty())));
            asleep.push((revision_uid, revision_name));
        }
        note("autoscaler", measure(|| self.sleepers.add(&asleep)));
        taken
    }
}

/// As a watch brings it: as text, over the network.
fn keep<R, K>(store: &Store<K>, object: &Value) -> AllocationInfo
where
    R: Resource<DynamicType = ()> + Debug,
    K: DeserializeOwned,
{
    let text = object.to_string();
    measure(|| {
        let object: Watched<R> = serde_json::from_str(&text).expect("an object");
        store.take(Event::Apply(object));
    })
}

#[test]
fn each_further_sleeping_app_takes_few_bytes() {
    let mut kept = Kept {
        stores: Stores::new(),
        ports: PortBook::default(),
        hosts: HostBook::default(),
        sleepers: Sleepers::new(),
    };
    kept.add(0);
    let mut taken = kept.add(APPS);
    let mut whole = AllocationInfo::default();
    for (_, took) in &taken {
        whole += *took;
    }
    taken.push(("whole", whole));
    let each = |total: i64| total / APPS.cast_signed();
    for (kind, took) in &taken {
        println!("{kind:<30} {:>5} bytes in {:>2} pieces", each(took.bytes_current), each(took.count_current));
    }
    assert!(each(whole.bytes_current) <= BYTES_MAX);
    assert!(each(whole.count_current) <= ALLOCATIONS_MAX);
    assert!(each(whole.count_current) > 6, "else nothing was counted");
}
