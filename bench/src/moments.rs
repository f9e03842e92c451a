//! The moments of a request to a sleeping app, and the phases between them.
//!
//! Some are of our clock and some of that of the test application, which tells them in each answer; so both run on the
//! same machine, which is so on the project's own node.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

/// Names of the phases that there are whoever wakes the app, in the order of [`Moments::phases`].
pub const PHASES: [&str; 5] = [
    "request sent → answer read",
    "request sent → process of the app runs",
    "process of the app runs → app listens",
    "app listens → request inside the app",
    "request inside the app → answer read",
];

/// Moments of one request.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    /// Before the client dials.
    pub sent: Timestamp,
    /// The client has the whole answer.
    pub answered: Timestamp,
    /// The app's process began.
    pub process: Timestamp,
    /// The app listened.
    pub listening: Timestamp,
    /// The app got the request.
    pub received: Timestamp,
}

impl Moments {
    /// Of an answer of the test application with these header fields.
    ///
    /// # Errors
    /// It does not tell one of the moments.
    pub fn told<'a>(sent: Timestamp, answered: Timestamp, field: impl Fn(&str) -> &'a str) -> Result<Self> {
        let told = |name: &str| moment(field(name)).with_context(|| name.to_owned());
        Ok(Self {
            sent,
            answered,
            process: told("testapp-started")?,
            listening: told("testapp-listening")?,
            received: told("testapp-received")?,
        })
    }

    /// The same, unless the app was awake before.
    ///
    /// # Errors
    /// The app's process began before the request.
    pub fn of_first(self) -> Result<Self> {
        ensure!(
            self.process >= self.sent,
            "the app was awake: its process began {}, before {}",
            self.process,
            self.sent
        );
        Ok(self)
    }

    /// How long each of the [`PHASES`] took.
    pub fn phases(&self) -> [Duration; 5] {
        let Self { sent, answered, process, listening, received } = *self;
        [
            between(sent, answered),
            between(sent, process),
            between(process, listening),
            between(listening, received),
            between(received, answered),
        ]
    }
}

/// From one moment to a later one; nothing if it is not later.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// What the test application's clock said, in microseconds of Unix time.
///
/// # Errors
/// It is no number, or none of a time.
pub fn moment(value: &str) -> Result<Timestamp> {
    let micros: u64 = value.parse().with_context(|| format!("'{value}' is no time"))?;
    Ok(Timestamp::try_from(UNIX_EPOCH + Duration::from_micros(micros))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).expect("a time")
    }

    /// An answer to a request of time 100 that was read at 180.
    fn told(started: i64, listening: i64, received: i64) -> Result<Moments> {
        let fields = [("testapp-started", started), ("testapp-listening", listening), ("testapp-received", received)];
        let fields = fields.map(|(name, millis)| (name, at(millis).as_microsecond().to_string()));
        let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        Moments::told(at(100), at(180), field)
    }

    #[test]
    fn phases_are_what_lies_between_the_moments() {
        let moments = told(140, 145, 175).expect("all told").of_first().expect("asleep before");
        assert_eq!(moments.phases().map(|phase| phase.as_millis()), [80, 40, 5, 30, 5]);
    }

    #[test]
    fn an_app_that_was_awake_has_no_first_request() {
        let awake = told(99, 99, 110).expect("all told");
        assert!(awake.of_first().expect_err("awake").to_string().contains("awake"));
    }

    #[test]
    fn what_is_not_told_is_named() {
        let error = Moments::told(at(0), at(1), |_| "").expect_err("nothing told");
        assert_eq!(error.to_string(), "testapp-started");
    }
}
