//! Schedules in local time → the minimum of a moment, and the next moment at which it may be another.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use api::{Day, Schedule};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The next window is sought so many days on: one day a week has it, and a change of the clocks may leave one out.
const DAYS_ON: i32 = 15;

/// Those of an app that can be followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedules(Vec<Rule>);

/// One of them. [`fmt::Display`] is as it was written: `08:00–18:00 Mon, Tue Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    start: Time,
    /// Days after that of `start`, and the time there.
    end: (i32, Time),
    days: Option<Vec<Day>>,
    zone: TimeZone,
    min: u32,
    text: Box<str>,
}

/// What schedules say at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan<'a> {
    /// Of those whose window is open, the one with the highest minimum.
    pub rule: Option<&'a Rule>,
    /// Until then nothing else holds; none if nothing ever will.
    pub next: Option<Timestamp>,
}

impl Schedules {
    /// Reads them. One that cannot be followed is left out, and the first such is told: its field, the value, and
    /// what would be right.
    pub fn read(wishes: &[Schedule]) -> (Self, Option<String>) {
        let mut problem = None;
        let mut read = |(n, wish)| match Rule::read(wish) {
            Ok(rule) => Some(rule),
            Err(told) => {
                problem.get_or_insert(format!("schedules[{n}].{told}"));
                None
            }
        };
        let rules = wishes.iter().enumerate().filter_map(&mut read).collect();
        (Self(rules), problem)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What holds at `now` when each window opens earlier by `ahead`.
    pub fn at(&self, now: Timestamp, ahead: SignedDuration) -> Plan<'_> {
        let mut plan = Plan::default();
        for rule in &self.0 {
            let (open, next) = rule.at(now, ahead);
            if open && plan.rule.is_none_or(|other| other.min < rule.min) {
                plan.rule = Some(rule);
            }
            plan.next = plan.next.into_iter().chain(next).min();
        }
        plan
    }
}

impl Rule {
    fn read(wish: &Schedule) -> Result<Self, String> {
        let Schedule { start: from, end: until, time_zone, days, min } = wish;
        let name = time_zone.as_deref().unwrap_or("UTC");
        let told = |field, value: &str, right| format!("{field} is '{value}': must be {right}");
        let start = time(from).ok_or_else(|| told("start", from, "a time of the day, such as '08:00'"))?;
        let end = end(start, until)
            .ok_or_else(|| told("end", until, "another time of the day than `start`, such as '18:30', or '24:00'"))?;
        let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
        let zone = zone.ok_or_else(|| told("timeZone", name, "the name of a time zone, such as 'Europe/Berlin'"))?;
        let names: Vec<_> = days.iter().flatten().map(|day| format!("{day:?}")).collect();
        let on = if names.is_empty() { String::new() } else { format!(" {}", names.join(", ")) };
        let text = format!("{from}–{until}{on} {name}").into();
        Ok(Self { start, end, days: days.clone(), zone, min: *min, text })
    }

    /// Fewest pods while a window is open.
    pub fn min(&self) -> u32 {
        self.min
    }

    /// Whether a window is open, and until when that is so.
    fn at(&self, now: Timestamp, ahead: SignedDuration) -> (bool, Option<Timestamp>) {
        let today = self.zone.to_datetime(now).date();
        // Yesterday's may be open past midnight.
        let windows = (-1..=DAYS_ON).filter_map(|days| self.window(today.checked_add(days.days()).ok()?));
        for Range { start, end } in windows {
            let start = start.checked_sub(ahead).unwrap_or(Timestamp::MIN);
            if now < start {
                return (false, Some(start));
            }
            if now < end {
                return (true, Some(end));
            }
        }
        (false, None)
    }

    /// The window that starts on a day; none if the clocks leave it out.
    fn window(&self, date: Date) -> Option<Range<Timestamp>> {
        if self.days.as_ref().is_some_and(|days| !days.contains(&day(date.weekday()))) {
            return None;
        }
        let (days, end) = self.end;
        let start = moment(&self.zone, date.to_datetime(self.start))?;
        let end = moment(&self.zone, date.checked_add(days.days()).ok()?.to_datetime(end))?;
        (start < end).then_some(start..end)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// When clocks show a local time: the first time if they do twice, and if they never do, when they leave it out.
fn moment(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let earlier = ambiguous.earlier().ok()?;
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => Some(earlier),
        AmbiguousOffset::Gap { .. } => zone.following(earlier).next().map(|change| change.timestamp()),
    }
}

/// `HH:MM` or `HH:MM:SS`.
fn time(text: &str) -> Option<Time> {
    let format = if text.len() == 5 { "%H:%M" } else { "%H:%M:%S" };
    Time::strptime(format, text).ok()
}

/// Days after that of `start`, and the time there. None if it is the same time as `start`.
fn end(start: Time, text: &str) -> Option<(i32, Time)> {
    if matches!(text, "24:00" | "24:00:00") {
        return Some((1, Time::midnight()));
    }
    time(text).filter(|end| *end != start).map(|end| (i32::from(end < start), end))
}

fn day(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}
