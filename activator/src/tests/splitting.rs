//! Shares of a release: as they change, by turns, and for clients that stick.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::world::{Answer, Pod, World, answer, call};

const HOST: &str = "web.default.test";

/// `web` with a stable revision `web-1`, and `web-2` that gets so many percent.
struct Release {
    world: World,
    pods: [Pod; 2],
    stickiness: Value,
}

impl Release {
    fn new(stickiness: Value) -> Self {
        let mut world = World::new();
        let pods = [Pod::new("stable"), Pod::new("candidate")];
        for (name, pod) in ["web-1", "web-2"].into_iter().zip(&pods) {
            world.revision("web", name, 0);
            world.up(&format!("uid-{name}"), pod.address);
        }
        Self { world, pods, stickiness }
    }

    /// The candidate is told of first or last: routing must not care.
    fn step(&mut self, percent: u32) {
        let mut traffic = vec![
            json!({"revision": "web-2", "percent": percent, "tag": "candidate"}),
            json!({"revision": "web-1", "percent": 100 - percent}),
        ];
        if percent.is_multiple_of(2) {
            traffic.reverse();
        }
        let rollout = json!({"stable": "web-1", "candidate": "web-2", "phase": "Progressing", "percent": percent});
        let spec = json!({"rollout": {"strategy": "Gradual", "stickiness": self.stickiness}});
        let status = json!({"url": format!("http://{HOST}"), "traffic": traffic, "rollout": rollout});
        self.world.app("web", spec, &status);
    }

    fn counts(&self) -> (usize, usize) {
        (self.pods[0].count(), self.pods[1].count())
    }

    async fn get(&self, more: &str) -> Answer {
        get(self.world.public, more).await
    }
}

async fn get(to: SocketAddr, more: &str) -> Answer {
    answer(call(to, HOST, "/", &format!("{more}\r\n\r\n")).await).await
}

#[tokio::test]
async fn shares_that_change_often_starve_nobody() {
    let mut release = Release::new(Value::Null);
    // At 1 % the candidate's turn is the fiftieth of a period: it must come although each table lives for five requests.
    for round in 0..40 {
        release.step(1 + round % 2);
        for _ in 0..5 {
            release.get("x-any: 1").await;
        }
    }
    assert_eq!(release.counts(), (197, 3), "1.5 % of 200");
}

#[tokio::test]
async fn a_table_with_the_same_shares_goes_on() {
    let mut release = Release::new(Value::Null);
    for round in 0..20 {
        release.step(50);
        // Another table, for another reason.
        release.world.revision("other", &format!("other-{round}"), 0);
        release.get("x-any: 1").await;
    }
    assert_eq!(release.counts(), (10, 10));
}

#[tokio::test]
async fn one_client_one_revision_by_cookie() {
    let mut release = Release::new(json!({"cookie": "todo-rev"}));
    release.step(0);
    assert_eq!(release.get("x-any: 1").await.header("set-cookie"), "", "one revision alone: nothing to stick to");
    release.step(50);
    let mut clients = Vec::new();
    for _ in 0..40 {
        let first = release.get("x-any: 1").await;
        let (cookie, rest) = first.header("set-cookie").split_once(';').expect("a cookie");
        assert_eq!(rest, " Path=/; HttpOnly; SameSite=Lax");
        clients.push((format!("cookie: a=b; {cookie}"), first.header("pod").to_owned()));
    }
    let candidates = |clients: &[(String, String)]| clients.iter().filter(|(_, pod)| pod == "candidate").count();
    let at_half = candidates(&clients);
    assert!((5..=35).contains(&at_half), "{at_half} of 40");
    for percent in [50, 51, 80, 95] {
        release.step(percent);
        for (cookie, before) in &mut clients {
            let again = release.get(cookie).await;
            assert_eq!(again.header("set-cookie"), "", "it has one");
            assert!(again.header("pod") == before || again.header("pod") == "candidate", "nobody goes back");
            again.header("pod").clone_into(before);
        }
    }
    assert!(candidates(&clients) > at_half);
}

#[tokio::test]
async fn one_client_one_revision_by_header_and_turns_without_it() {
    let mut release = Release::new(json!({"header": "X-User"}));
    release.step(50);
    for user in ["ann", "bob", "eve", "joe"] {
        let first = release.get(&format!("x-user: {user}")).await;
        assert_eq!(first.header("set-cookie"), "");
        for _ in 0..3 {
            let again = release.get(&format!("x-user: {user}")).await;
            assert_eq!(again.header("pod"), first.header("pod"), "{user}");
        }
    }
    let (stable, candidate) = release.counts();
    for _ in 0..10 {
        release.get("x-any: 1").await;
    }
    assert_eq!(release.counts(), (stable + 5, candidate + 5));
    // A tag is stronger.
    for user in ["ann", "bob", "eve", "joe"] {
        let tagged = release.get(&format!("x-user: {user}\r\ntodoapp-tag: candidate")).await;
        assert_eq!(tagged.header("pod"), "candidate");
    }
}
