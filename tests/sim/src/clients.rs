//! Who asks: requests through the activators' public port or an app's own port in the cluster, and what becomes of each.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use parking_lot::Mutex;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::http::{self, Failed};
use crate::world::{APPS, World};

/// Until the default deadline of a held request, and what the app's work and the way there and back may take: an end
/// after that comes too late.
const PATIENCE: Duration = Duration::from_secs(60 + 5);
/// Between two tries to get a connection.
const RETRY: Duration = Duration::from_millis(250);
/// So often at most: a minute without anybody who takes a connection.
const TRIES: u32 = 240;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The app answered it.
    Answered,
    /// The app answered it with an error of its own.
    Failed,
    /// An error that names a limit.
    Refused(u16, String),
    /// The activator that had it was killed.
    Killed,
    /// Nobody ever took it.
    NotAccepted,
    /// Anything else: it was lost.
    Lost(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => write!(f, "answered"),
            Self::Failed => write!(f, "answered with the app's own error"),
            Self::Refused(status, why) => write!(f, "refused with {status}: {why}"),
            Self::Killed => write!(f, "killed with its activator"),
            Self::NotAccepted => write!(f, "not accepted"),
            Self::Lost(how) => write!(f, "lost: {how}"),
        }
    }
}

/// Everyone who asks. Dropped, whoever still waits leaves.
pub struct Clients {
    world: Arc<World>,
    ledger: Arc<Mutex<BTreeMap<Outcome, u64>>>,
    tasks: JoinSet<()>,
    random: StdRng,
    asked: u64,
    /// Every other request is one that must not be done twice.
    posts: bool,
}

impl Clients {
    /// Nobody yet.
    pub fn new(world: Arc<World>) -> Self {
        let random = world.seed.stream("clients");
        Self { world, ledger: Arc::default(), tasks: JoinSet::new(), random, asked: 0, posts: false }
    }

    /// From now on every other request is one that must not be done twice.
    pub const fn with_posts(&mut self) {
        self.posts = true;
    }

    /// One more request to an app, from now on.
    pub fn ask(&mut self, app: &str) {
        let request = self.next(app);
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move { request.run(&ledger).await });
        while self.tasks.try_join_next().is_some() {}
    }

    /// Somebody who asks again as soon as there is an answer, for a time.
    pub fn keep_asking(&mut self, app: &str, length: Duration) {
        let (mut request, ledger) = (self.next(app), self.ledger.clone());
        let until = Instant::now() + length;
        self.tasks.spawn(async move {
            let first = request.number;
            for turn in 0.. {
                if Instant::now() >= until {
                    return;
                }
                request.number = first * 1_000_000 + turn;
                request.run(&ledger).await;
            }
        });
    }

    /// Requests at a rate, evenly spread with some chance, for a time.
    pub async fn load(&mut self, app: &str, per_second: f64, length: Duration) {
        let until = Instant::now() + length;
        loop {
            let pause = Duration::from_secs_f64(self.random.random_range(0.5..1.5) / per_second.max(0.001));
            if Instant::now() + pause >= until {
                tokio::time::sleep_until(until).await;
                return;
            }
            sleep(pause).await;
            self.ask(app);
        }
    }

    fn next(&mut self, app: &str) -> Request {
        self.asked += 1;
        Request {
            world: self.world.clone(),
            app: app.to_owned(),
            number: self.asked,
            public: self.random.random_bool(0.5),
            posts: self.posts,
        }
    }

    /// Waits until every request has its end.
    pub async fn done(&mut self) {
        while self.tasks.join_next().await.is_some() {}
        let ledger = self.ledger.lock();
        let ends: Vec<_> = ledger.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        self.world.journal().note(format_args!("requests: {}", ends.join(", ")));
    }

    /// How many ended so.
    pub fn count(&self, of: impl Fn(&Outcome) -> bool) -> u64 {
        self.ledger.lock().iter().filter(|(outcome, _)| of(outcome)).map(|(_, count)| count).sum()
    }
}

struct Request {
    world: Arc<World>,
    app: String,
    number: u64,
    public: bool,
    posts: bool,
}

impl Request {
    async fn run(&self, ledger: &Mutex<BTreeMap<Outcome, u64>>) {
        let begun = Instant::now();
        let (outcome, by) = self.ask().await;
        let took = begun.elapsed();
        let journal = self.world.journal();
        journal.note(format_args!("request {} {by}: {outcome} after {took:?}", self.number));
        if let Outcome::Lost(_) | Outcome::NotAccepted = outcome {
            journal.violation(format_args!("a request was {outcome}"));
        }
        *ledger.lock().entry(outcome).or_default() += 1;
    }

    async fn ask(&self) -> (Outcome, String) {
        let mut random = self.world.seed.part("request").stream(&self.number.to_string());
        let me = self.world.client((self.number % 200) as u8 + 1);
        let (host, path) = (format!("{}.{APPS}.todoapp.local", self.app), format!("/{}", self.number));
        let method = if self.posts && self.number % 2 == 1 { Method::POST } else { Method::GET };
        for _ in 0..TRIES {
            let Some(to) = self.door(&mut random) else {
                sleep(RETRY).await;
                continue;
            };
            match timeout(PATIENCE, http::send(&me, to, method.clone(), &host, &path)).await {
                Ok(Err(Failed::Unsent)) => sleep(RETRY).await,
                Ok(Err(failed)) if self.world.was_killed(to.ip()) => {
                    tracing::debug!(%failed, "its activator was killed");
                    return (Outcome::Killed, to.to_string());
                }
                Ok(Err(failed)) => return (Outcome::Lost(failed.to_string()), to.to_string()),
                Ok(Ok(answer)) => return (judge(answer, &path), to.to_string()),
                Err(_) => return (Outcome::Lost(format!("no end within {PATIENCE:?}")), to.to_string()),
            }
        }
        (Outcome::NotAccepted, String::new())
    }

    /// One of the activators, as a Service would choose.
    fn door(&self, random: &mut StdRng) -> Option<SocketAddr> {
        let doors = if self.public { self.world.doors() } else { self.world.endpoints(APPS, &self.app) };
        (!doors.is_empty()).then(|| doors[random.random_range(0..doors.len())])
    }
}

/// An answer is the app's own if it repeats what was asked; an error has to say which limit it met.
fn judge(answer: http::Answer, path: &str) -> Outcome {
    match answer.status.as_u16() {
        200 if answer.pod.is_some() && answer.body == path => Outcome::Answered,
        500 if answer.pod.is_some() && answer.body == path => Outcome::Failed,
        200 => Outcome::Lost(format!("another's answer: {answer:?}")),
        status @ (502..=504) if !answer.body.trim().is_empty() => {
            Outcome::Refused(status, answer.body.trim().to_owned())
        }
        _ => Outcome::Lost(format!("an answer that says nothing: {answer:?}")),
    }
}

#[cfg(test)]
mod tests {
    use ::http::StatusCode;

    use super::*;

    #[test]
    fn only_the_apps_own_answer_or_a_limit_that_is_named_is_an_end() {
        let answer = |status: u16, pod: Option<&str>, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            judge(http::Answer { status, pod: pod.map(str::to_owned), body: body.to_owned() }, "/7")
        };
        assert_eq!(answer(200, Some("p"), "/7"), Outcome::Answered);
        assert_eq!(answer(504, None, "too late\n"), Outcome::Refused(504, "too late".to_owned()));
        for (status, pod, body) in [(200, Some("p"), "/8"), (200, None, "/7"), (503, None, ""), (404, None, "no app")] {
            assert!(matches!(answer(status, pod, body), Outcome::Lost(_)), "{status} {body}");
        }
    }
}
