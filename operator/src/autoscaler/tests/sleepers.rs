//! Many revisions that were awake once.

use super::*;

/// A core with an activator, and the revisions it put to sleep.
pub struct Sleepers {
    world: World,
    activator: PeerId,
}

impl Sleepers {
    /// None yet.
    pub fn new() -> Self {
        let mut world = World::new();
        let activator = world.activator();
        Self { world, activator }
    }

    /// Revisions by UID and name, which wake, serve, and have been asleep for a while at the end.
    pub fn add(&mut self, revisions: &[(String, String)]) {
        let world = &mut self.world;
        let mut pods = Vec::new();
        for (n, (uid, name)) in revisions.iter().enumerate() {
            let (namespace, name) = ("default".to_owned(), name.clone());
            let entry = RevisionEntry {
                uid: uid.clone(),
                namespace,
                name,
                spec: Spec::default(),
                schedules: Schedules::default(),
                routed: true,
                initial: false,
            };
            world.core.upsert(world.now, entry);
            world.core.set_replicas(world.now, uid, 0, 0);
            world.say(self.activator, Up::Demand { revision_uid: uid.clone(), held: 1 });
            world.core.set_replicas(world.now, uid, 1, 0);
            let address = ([10, 0, (n >> 8) as u8, n as u8], 8012).into();
            let pod = world.core.join_pod(uid, format!("pod-{n}"), address, EPOCH, true);
            world.say(pod, Up::Ready);
            world.core.set_replicas(world.now, uid, 1, 1);
            pods.push((uid, pod));
        }
        self.pass(110, |world, second| {
            for (uid, pod) in &pods {
                let bucket =
                    Bucket { second: second - 1, concurrency: if second == 2 { 1.0 } else { 0.0 }, requests: 1 };
                let load = Load { revision_uid: (*uid).clone(), now: 0, buckets: vec![bucket] };
                world.say(*pod, Up::Report { second, loads: vec![load] });
            }
        });
        for (uid, pod) in pods {
            assert_eq!(self.world.core.revisions[uid.as_str()].desired, 0);
            self.world.core.leave(self.world.now, pod);
            self.world.core.set_replicas(self.world.now, uid, 0, 0);
        }
        self.pass(300, |_, _| {});
        self.world.told.clear();
        self.world.told.shrink_to_fit();
        self.world.writes = Vec::new();
    }

    fn pass(&mut self, seconds: u64, each: impl Fn(&mut World, u64)) {
        for second in 1..=seconds {
            self.world.now += Duration::from_secs(1);
            each(&mut self.world, second);
            let at = self.world.now.as_secs();
            self.world.say(self.activator, Up::Report { second: at, loads: Vec::new() });
            if second % 2 == 0 {
                self.world.tick();
                self.world.core.take_decided();
            }
        }
    }
}
