//! What goes wrong, when, and for whom: a plan that is handed in, drawn from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::path::Verb;
use super::refusal::Refusal;
use crate::Delay;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// It takes longer: half of it before the server acts, half after.
    Slow(Delay),
    /// 429 with `Retry-After`.
    TooManyRequests(Duration),
    /// 500.
    InternalError,
    /// 504 after a while; nothing is done.
    Timeout(Duration),
    /// What is asked for is done, and the connection breaks before the answer.
    LoseAnswer,
    /// No connection at all; watches break.
    Away,
    /// A watch breaks this long after its beginning.
    BreakWatch(Delay),
    /// A watch tells of everything this much later.
    LagWatch(Duration),
}

/// One line of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    effect: Effect,
    from: Duration,
    until: Duration,
    chance: f64,
    user: Option<String>,
    verbs: Vec<Verb>,
    kind: Option<String>,
}

/// Whom a fault may meet.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who asks.
    pub user: &'a str,
    /// What for.
    pub verb: Verb,
    /// Of which kind: `deployments.apps`.
    pub kind: &'a str,
}

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fate {
    /// Time on the way.
    pub slow: Duration,
    /// Refused like this, after that long.
    pub refused: Option<(Refusal, Duration)>,
    /// Done, and never told.
    pub lost: bool,
    /// Nobody is there.
    pub away: bool,
    /// A watch that begins now breaks after this time.
    pub watch_breaks: Option<Duration>,
    /// A watch that begins now is this much late.
    pub watch_lag: Duration,
}

impl Fault {
    /// An effect on everyone, always.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            from: Duration::ZERO,
            until: Duration::MAX,
            chance: 1.0,
            user: None,
            verbs: Vec::new(),
            kind: None,
        }
    }

    /// Only in this time, counted from the server's start.
    #[must_use]
    pub fn during(self, from: Duration, until: Duration) -> Self {
        Self { from, until, ..self }
    }

    /// Only some requests: 0 none, 1 all.
    #[must_use]
    pub fn chance(self, chance: f64) -> Self {
        Self { chance, ..self }
    }

    /// Only requests of this user.
    #[must_use]
    pub fn user(self, user: &str) -> Self {
        Self { user: Some(user.to_owned()), ..self }
    }

    /// Only these verbs.
    #[must_use]
    pub fn verbs(self, verbs: &[Verb]) -> Self {
        Self { verbs: verbs.to_vec(), ..self }
    }

    /// Only this kind: `deployments.apps`.
    #[must_use]
    pub fn kind(self, kind: &str) -> Self {
        Self { kind: Some(kind.to_owned()), ..self }
    }

    fn meets(&self, asked: Asked<'_>) -> bool {
        self.user.as_deref().is_none_or(|user| user == asked.user)
            && self.kind.as_deref().is_none_or(|kind| kind == asked.kind)
            && (self.verbs.is_empty() || self.verbs.contains(&asked.verb))
    }

    fn is_on(&self, now: Duration) -> bool {
        (self.from..self.until).contains(&now)
    }

    fn put_on(&self, fate: &mut Fate, random: &mut impl Rng) {
        let refused = |code, reason, message: &str, after| {
            let retry_after = if code == 429 { Some(after) } else { None };
            let waits = if code == 504 { after } else { Duration::ZERO };
            (Refusal { retry_after, ..Refusal::new(code, reason, message) }, waits)
        };
        match self.effect {
            Effect::Slow(delay) => fate.slow += delay.draw(random),
            Effect::TooManyRequests(after) => {
                let message = "the server has received too many requests and has asked us to try again later";
                fate.refused = Some(refused(429, "TooManyRequests", message, after));
            }
            Effect::InternalError => {
                let message = "Internal error occurred: etcdserver: request timed out";
                fate.refused = Some(refused(500, "InternalError", message, Duration::ZERO));
            }
            Effect::Timeout(after) => {
                let message = "Timeout: request did not complete within the allotted timeout";
                fate.refused = Some(refused(504, "Timeout", message, after));
            }
            Effect::LoseAnswer => fate.lost = true,
            Effect::Away => fate.away = true,
            Effect::BreakWatch(delay) => fate.watch_breaks = Some(delay.draw(random)),
            Effect::LagWatch(lag) => fate.watch_lag = lag,
        }
    }
}

/// What becomes of a request that arrives `now`, counted from the server's start.
pub fn decide(plan: &[Fault], asked: Asked<'_>, now: Duration, random: &mut StdRng) -> Fate {
    let mut fate = Fate::default();
    for fault in plan.iter().filter(|fault| fault.is_on(now) && fault.meets(asked)) {
        if fault.chance >= 1.0 || random.random_bool(fault.chance.clamp(0.0, 1.0)) {
            fault.put_on(&mut fate, random);
        }
    }
    fate
}

/// Whether nobody is there at a time, and the next time at which nobody will be.
pub fn away(plan: &[Fault], asked: Asked<'_>, now: Duration) -> (bool, Option<Duration>) {
    let faults = || plan.iter().filter(|fault| fault.effect == Effect::Away && fault.meets(asked));
    (faults().any(|fault| fault.is_on(now)), faults().map(|fault| fault.from).filter(|from| *from > now).min())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    const ASKED: Asked<'_> = Asked { user: "operator", verb: Verb::Patch, kind: "deployments.apps" };

    fn fate(fault: Fault, second: u64) -> Fate {
        decide(&[fault], ASKED, Duration::from_secs(second), &mut Seed::new(1).stream("faults"))
    }

    #[test]
    fn a_fault_meets_only_those_it_names_and_only_in_its_time() {
        let error = Fault::new(Effect::InternalError);
        assert!(fate(error.clone(), 0).refused.is_some());
        let meets = [
            error.clone().user("operator"),
            error.clone().verbs(&[Verb::Patch]),
            error.clone().kind("deployments.apps"),
        ];
        assert!(meets.into_iter().all(|fault| fate(fault, 0).refused.is_some()));
        let misses = [error.clone().user("x"), error.clone().verbs(&[Verb::Get]), error.clone().kind("pods")];
        assert!(misses.into_iter().all(|fault| fate(fault, 0).refused.is_none()));
        let timed = error.during(Duration::from_secs(5), Duration::from_secs(7));
        let met: Vec<_> = (0..10).filter(|&second| fate(timed.clone(), second).refused.is_some()).collect();
        assert_eq!(met, [5, 6]);
    }

    #[test]
    fn chance_is_a_share_of_requests() {
        let plan = [Fault::new(Effect::LoseAnswer).chance(0.25)];
        let mut random = Seed::new(7).stream("faults");
        let lost = (0..10_000).filter(|_| decide(&plan, ASKED, Duration::ZERO, &mut random).lost).count();
        assert!((2_300..2_700).contains(&lost), "{lost}");
    }

    #[test]
    fn the_next_absence_is_known() {
        let at = Duration::from_secs;
        let plan = [Fault::new(Effect::Away).during(at(5), at(7)), Fault::new(Effect::Away).during(at(9), at(10))];
        assert_eq!(away(&plan, ASKED, at(1)), (false, Some(at(5))));
        assert_eq!(away(&plan, ASKED, at(6)), (true, Some(at(9))));
    }
}
