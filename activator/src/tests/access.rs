//! The access log, as its reader sees it.

use std::{
    io,
    sync::{Arc, mpsc},
    time::SystemTime,
};

use serde_json::Value;

use super::world::{PATIENCE, Pod, World, Written, answer, call, get, open};
use crate::{
    access::{Access, Sampling},
    reception::Reception,
    route::Door,
    serve::Activator,
};

const ALL: Sampling = Sampling { ratio: 1.0, query: false, queue: 4096 };

/// The activator of the world with an access log.
fn logging(world: &World, sampling: Sampling, out: impl io::Write + Send + 'static) -> Arc<Activator> {
    let access = Access::begin(sampling, Arc::new(SystemTime::now), &world.registry, out).unwrap();
    let reception = Reception { access: Some(access), ..Reception::default() };
    let Activator { tables, shared, pool, .. } = &*world.activator;
    Activator::new(tables.clone(), Arc::clone(shared), pool.clone(), reception)
}

async fn written(activator: &Arc<Activator>, out: &Written, count: usize) -> Vec<Value> {
    // The line is given away when the answer is over to the server, which may be after it is to the client.
    let all = async {
        while out.lines().len() < count {
            activator.reception.access.as_ref().unwrap().flush().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("as many lines");
    out.lines()
}

#[tokio::test]
async fn a_line_for_each_end_of_a_request() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let out = Written::default();
    let activator = logging(&world, ALL, out.clone());
    let door = open(&activator, Door::Public);

    let client = call(door, "web.default.test", "/cold?secret=1", "").await;
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
    let lines = written(&activator, &out, 1).await;
    let line = &lines[0];
    for (name, value) in [
        ("kind", "access"),
        ("method", "GET"),
        ("host", "web.default.test"),
        ("path", "/cold"),
        ("namespace", "default"),
        ("app", "web"),
        ("revision", "web-1"),
        ("peer", "127.0.0.1"),
    ] {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert_eq!((&line["status"], &line["cold"], &line["tls"]), (&200.into(), &true.into(), &false.into()));
    assert_eq!(line["length"], 0, "{line}");
    assert!(line["hold_ms"].as_f64().unwrap() <= line["duration_ms"].as_f64().unwrap(), "{line}");
    assert!(line.get("reason").is_none(), "{line}");
    let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    assert!(time.duration_until(jiff::Timestamp::now()).as_secs() < 60, "{line}");

    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answer(call(door, "web.default.test", "/warm", trace).await).await.status, 200);
    let line = &written(&activator, &out, 2).await[1];
    assert_eq!((&line["method"], &line["trace_id"]), (&"POST".into(), &"0af7651916cd43dd8448eb211c80319c".into()));
    assert!(line.get("hold_ms").is_none() && line.get("cold").is_none(), "{line}");

    assert_eq!(get(door, "nobody.test").await.status, 404);
    let line = &written(&activator, &out, 3).await[2];
    assert_eq!((&line["status"], &line["reason"]), (&404.into(), &"no-route".into()));
    assert!(line.get("app").is_none(), "{line}");

    let held = world.simple("other", 0);
    let client = call(door, "other.default.test", "/", "").await;
    world.demand(&held, 1).await;
    drop(client);
    world.demand(&held, 0).await;
    let line = &written(&activator, &out, 4).await[3];
    assert_eq!((&line["status"], &line["app"]), (&Value::Null, &"other".into()));
}

#[tokio::test]
async fn the_query_where_it_is_asked_for() {
    let world = World::new();
    let out = Written::default();
    let activator = logging(&world, Sampling { query: true, ..ALL }, out.clone());
    answer(call(open(&activator, Door::Public), "nobody.test", "/x?a=1", "").await).await;
    let [line] = &written(&activator, &out, 1).await[..] else { panic!("one line") };
    assert_eq!(line["path"], "/x?a=1");
}

/// Takes nothing until it is let.
struct Stuck(mpsc::Receiver<()>);

impl io::Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_is_stuck_costs_lines_and_nothing_else() {
    let world = World::new();
    let (release, stuck) = mpsc::channel();
    let activator = logging(&world, Sampling { queue: 4, ..ALL }, Stuck(stuck));
    let door = open(&activator, Door::Public);
    let dropped = || world.metric("todoapp_access_log_dropped_total").unwrap().parse::<u32>().unwrap();
    // The queue, and what the writer has in its hands.
    for _ in 0..100 {
        assert_eq!(get(door, "nobody.test").await.status, 404);
    }
    assert!(dropped() > 80, "{}", dropped());
    drop(release);
}

#[tokio::test]
async fn a_sample() {
    let world = World::new();
    let out = Written::default();
    let activator = logging(&world, Sampling { ratio: 0.5, ..ALL }, out.clone());
    let door = open(&activator, Door::Public);
    for _ in 0..100 {
        get(door, "nobody.test").await;
    }
    activator.reception.access.as_ref().unwrap().flush().await;
    let lines = out.lines().len();
    // One in 10²⁹ times there are none, or all.
    assert!((1..100).contains(&lines), "{lines}");
}
