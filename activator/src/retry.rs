//! Whether a request that got no answer of the app may be sent once more. Pure.

use std::time::Duration;

use proxy::upstream::Cause;

/// Kept-alive connections of one pod that may turn out to be closed before the pod itself is doubted.
const STALE_MAX: u32 = 3;
/// Times that one request may meet a pod that dies with it, and the pause after each: a process that is dying takes
/// connections for another moment, and two of them would be the same death.
const BROKEN_MAX: u32 = 2;
const BROKEN_PAUSE: Duration = Duration::from_millis(20);
/// Times that it may find us without a connection to give, and the first of the pauses, which double five times: ten
/// seconds in all.
const SHORT_MAX: u32 = 20;
const SHORT_PAUSE: Duration = Duration::from_millis(20);
const SHORT_DOUBLINGS: u32 = 5;

/// What became of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap<'a> {
    /// Nothing was sent.
    Unsent(&'a Cause),
    /// The pod's queue-proxy says that the app has seen nothing of it, or the pod refused the stream (RFC 9113, 8.7).
    Refused,
    /// The connection to the pod broke before the head of an answer, or within it the one to the app: nobody knows what the
    /// app did.
    Broken,
}

impl Mishap<'_> {
    /// For a metric's label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unsent(cause) if cause.shortage().is_some() => "exhausted",
            Self::Unsent(_) => "unsent",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Once more, to the same pod or another one.
    Again,
    /// Once more after this time, to the same pod or another one.
    Later(Duration),
    /// Once more; this pod is left alone for a while.
    Elsewhere,
    /// The client has to be told.
    No,
}

/// What one request has met so far.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    stale: u32,
    broken: u32,
    short: u32,
}

impl Mishaps {
    /// Takes in one more.
    pub(crate) fn judge(&mut self, mishap: Mishap<'_>, idempotent: bool) -> Verdict {
        match mishap {
            Mishap::Unsent(cause) if cause.shortage().is_some() => {
                if self.short == SHORT_MAX {
                    return Verdict::No;
                }
                self.short += 1;
                Verdict::Later(SHORT_PAUSE * (1 << (self.short - 1).min(SHORT_DOUBLINGS)))
            }
            Mishap::Unsent(Cause::Http(_)) if self.stale < STALE_MAX => {
                self.stale += 1;
                Verdict::Again
            }
            Mishap::Unsent(_) | Mishap::Refused => Verdict::Elsewhere,
            Mishap::Broken if idempotent && self.broken < BROKEN_MAX => {
                self.broken += 1;
                Verdict::Later(BROKEN_PAUSE)
            }
            Mishap::Broken => Verdict::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use proxy::Shortage;

    use super::*;

    #[test]
    fn what_we_are_short_of_ourselves_is_waited_for_and_no_pod_is_left_alone_for_it() {
        let mut mishaps = Mishaps::default();
        let ours = Cause::Connect(std::io::Error::other(Shortage::Ports));
        let pauses: Vec<_> = std::iter::from_fn(|| match mishaps.judge(Mishap::Unsent(&ours), false) {
            Verdict::Later(pause) => Some(pause.as_millis()),
            verdict => {
                assert_eq!(verdict, Verdict::No);
                None
            }
        })
        .collect();
        assert_eq!(pauses[..7], [20, 40, 80, 160, 320, 640, 640]);
        assert_eq!(pauses.iter().sum::<u128>(), 10_220);
        let refused = Cause::Connect(std::io::ErrorKind::ConnectionRefused.into());
        assert_eq!(mishaps.judge(Mishap::Unsent(&refused), false), Verdict::Elsewhere);
    }

    #[test]
    fn what_was_not_sent_is_always_sent_again() {
        let mut mishaps = Mishaps::default();
        for _ in 0..10 {
            assert_eq!(mishaps.judge(Mishap::Unsent(&Cause::ConnectTimeout), false), Verdict::Elsewhere);
            assert_eq!(mishaps.judge(Mishap::Refused, false), Verdict::Elsewhere);
        }
    }

    #[test]
    fn what_may_have_been_done_is_repeated_only_if_that_is_harmless() {
        let mut mishaps = Mishaps::default();
        assert_eq!(mishaps.judge(Mishap::Broken, false), Verdict::No);
        assert_eq!(mishaps.judge(Mishap::Broken, true), Verdict::Later(BROKEN_PAUSE));
        assert_eq!(mishaps.judge(Mishap::Broken, true), Verdict::Later(BROKEN_PAUSE));
        assert_eq!(
            mishaps.judge(Mishap::Broken, true),
            Verdict::No,
            "a request that kills its pods is not sent for ever"
        );
    }
}
