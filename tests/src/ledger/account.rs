//! What requests came to, by what their clients were told and what was executed. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{CHANGED, Entries, Entry, Kind};

/// A machine that stands still is late with what it notes.
const SLACK: Duration = Duration::from_millis(500);
/// Requests of one process that its death may take with it: the POSTs of half a second at 200 requests a second. They take
/// milliseconds each, so of more something else is the cause.
const CRASHED_MAX: usize = 20;

/// What a blow took away without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// A pod, its queue-proxy with it.
    Pod,
    /// The app's process, whose queue-proxy is there to say so.
    Process,
}

/// A kill, which fell between these moments since the load began.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// Of what.
    pub of: Killed,
    /// Not before.
    pub from: Duration,
    /// Not after.
    pub to: Duration,
}

/// What the entries and the ledger say together.
#[derive(Debug, Default)]
pub struct Account {
    /// Requests that were sent.
    pub sent: usize,
    /// Answered by the app, and executed once.
    pub once: usize,
    /// Answered by the app, and executed more than once, which does no harm.
    pub repeated: usize,
    /// Neither repeatable nor answered, because their pod was killed with them; told so, and executed at most once.
    pub told: usize,
    /// The same of the app's process.
    pub crashed: usize,
    /// Everything else, in words.
    pub lost: Vec<String>,
}

impl Account {
    /// `executed` is what the ledger has.
    pub fn of(entries: &Entries, executed: &BTreeMap<u64, u32>, kills: &[Kill]) -> Self {
        let mut account = Self { sent: entries.len(), ..Self::default() };
        for (number, entry) in entries {
            let (kind, times) = (Kind::of(*number), executed.get(number).copied().unwrap_or(0));
            match (&entry.outcome, times) {
                (Ok(()), 1) => account.once += 1,
                (Ok(()), 2..) if kind.is_idempotent() => account.repeated += 1,
                (Err(why), 0..=1) if has_crashed(kind, why, entry, kills) => account.crashed += 1,
                (Err(why), 0..=1) if was_told(kind, why, entry.sent, kills) => account.told += 1,
                (outcome, _) => {
                    let (at, end) = (entry.sent.as_secs_f64(), entry.ended.as_secs_f64());
                    let line = format!("{number} {kind:?}, {at:.2} to {end:.2} s, executed {times} times: {outcome:?}");
                    account.lost.push(line);
                }
            }
        }
        let deaths = kills.iter().filter(|kill| kill.of == Killed::Process).count();
        let Self { crashed, lost, .. } = &mut account;
        if *crashed > CRASHED_MAX * deaths {
            lost.push(format!("{crashed} were told that their process died with them, of {deaths} that did"));
        }
        account
    }
}

/// A POST that was told so, or a stream that had begun, that was in a process when that was killed.
fn has_crashed(kind: Kind, why: &str, entry: &Entry, kills: &[Kill]) -> bool {
    let within = |kill: &Kill| entry.sent <= kill.to + SLACK && entry.ended + SLACK >= kill.from;
    kills.iter().any(|kill| kill.of == Killed::Process && within(kill))
        && match kind {
            Kind::Post => is_broken(why),
            Kind::Upgrade => why.starts_with(CHANGED),
            _ => false,
        }
}

/// A POST, or a stream that had begun, that was in a pod when that was killed: seconds after it was asked for, or before,
/// for what waits is sent later.
fn was_told(kind: Kind, why: &str, sent: Duration, kills: &[Kill]) -> bool {
    let near = |kill: &Kill| sent + Duration::from_secs(2) >= kill.from && sent <= kill.from + Duration::from_secs(10);
    kills.iter().any(|kill| kill.of == Killed::Pod && near(kill))
        && match kind {
            Kind::Post => is_broken(why),
            Kind::Upgrade => true,
            _ => false,
        }
}

/// The proxies' own answer, whole.
fn is_broken(why: &str) -> bool {
    why.contains("got 502: ") && why.contains("todoapp-error: 'upstream-broken'")
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, once, repeated, told, crashed, lost } = self;
        write!(
            f,
            "{sent} requests: {once} executed once, {repeated} repeatable ones more than once, {told} told that their pod \
             was killed with them, {crashed} that their process died with them, {} lost",
            lost.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: &str = "POST /echo?entry=11 at 10.0.0.1:80 as a.b: expected 200, got 502: the app broke the connection: \
                          connection closed before message completed todoapp-error: 'upstream-broken' after 3ms";
    const EOF: &str = "after the change of protocol: early eof";
    const POST: u64 = 11;
    const UPGRADE: u64 = 19;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn kill(of: Killed) -> Kill {
        Kill { of, from: at(10_000), to: at(10_100) }
    }

    /// One request that took a tenth of a second.
    fn account(number: u64, sent: u64, outcome: Result<(), &str>, times: u32, kills: &[Kill]) -> Account {
        let outcome = outcome.map_err(str::to_owned);
        let entry = Entry { sent: at(sent), ended: at(sent + 100), outcome };
        Account::of(&[(number, entry)].into(), &[(number, times)].into(), kills)
    }

    fn of_crash(number: u64, sent: u64, why: &str, times: u32) -> Account {
        account(number, sent, Err(why), times, &[kill(Killed::Process)])
    }

    #[test]
    fn a_post_that_was_in_a_process_when_it_died_is_counted_apart() {
        for times in 0..=1 {
            let account = of_crash(POST, 9_950, BROKEN, times);
            assert_eq!((account.crashed, account.told, account.lost.len()), (1, 0, 0), "{account}");
        }
        assert_eq!(of_crash(POST, 9_950, BROKEN, 2).lost.len(), 1, "executed twice");
    }

    #[test]
    fn what_can_be_repeated_is_never_told_of_a_death() {
        for number in (0..20).filter(|number| Kind::of(*number).is_idempotent()) {
            for killed in [Killed::Process, Killed::Pod] {
                let account = account(number, 9_950, Err(BROKEN), 1, &[kill(killed)]);
                let stream = Kind::of(number) == Kind::Upgrade && killed == Killed::Pod;
                assert_eq!(account.lost.len(), usize::from(!stream), "{number} {killed:?}: {account}");
            }
        }
    }

    #[test]
    fn of_a_stream_only_what_was_open_may_die() {
        assert_eq!(of_crash(UPGRADE, 9_950, EOF, 1).crashed, 1);
        assert_eq!(of_crash(UPGRADE, 9_950, "closed after: ", 1).lost.len(), 1);
        assert_eq!(of_crash(0, 9_950, EOF, 1).lost.len(), 1);
    }

    #[test]
    fn a_death_excuses_what_was_under_way_and_nothing_else() {
        for (sent, crashed) in [(9_300, 0), (9_500, 1), (10_500, 1), (10_700, 0)] {
            let account = of_crash(POST, sent, BROKEN, 1);
            assert_eq!((account.crashed, account.lost.len()), (crashed, 1 - crashed), "at {sent}: {account}");
        }
        let unreachable = BROKEN.replace("upstream-broken", "app-unreachable");
        for why in [&unreachable, "no answer in 90s", "reading the body", "upstream-broken"] {
            assert_eq!(of_crash(POST, 9_950, why, 1).lost.len(), 1, "{why}");
        }
        assert_eq!(account(POST, 9_950, Err(BROKEN), 1, &[]).lost.len(), 1, "nobody was killed");
    }

    #[test]
    fn a_killed_pod_excuses_more_time_and_is_counted_apart() {
        for (sent, told) in [(7_900, 0), (8_000, 1), (20_000, 1), (20_100, 0)] {
            let account = account(POST, sent, Err(BROKEN), 1, &[kill(Killed::Pod)]);
            assert_eq!((account.told, account.crashed, account.lost.len()), (told, 0, 1 - told), "at {sent}");
        }
    }

    #[test]
    fn more_than_a_process_can_have_had_are_a_finding() {
        let posts = (0..).filter(|number| Kind::of(*number) == Kind::Post);
        let entry = Entry { sent: at(9_950), ended: at(10_050), outcome: Err(BROKEN.to_owned()) };
        let entries: Entries = posts.map(|number| (number, entry.clone())).take(CRASHED_MAX + 1).collect();
        let account = |kills: &[Kill]| Account::of(&entries, &BTreeMap::new(), kills);
        assert_eq!(account(&[kill(Killed::Process)]).lost.len(), 1);
        assert_eq!(account(&[kill(Killed::Process); 2]).lost.len(), 0);
    }

    #[test]
    fn answers_are_held_against_what_was_executed() {
        for (number, times, lost) in [(0, 1, 0), (0, 2, 0), (0, 0, 1), (POST, 1, 0), (POST, 2, 1), (POST, 0, 1)] {
            assert_eq!(account(number, 0, Ok(()), times, &[]).lost.len(), lost, "{number} {times}");
        }
    }
}
