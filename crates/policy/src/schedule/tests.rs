use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(wishes: Value) -> (Schedules, Option<String>) {
    Schedules::read(&serde_json::from_value::<Vec<Schedule>>(wishes).expect("schedules"))
}

fn schedules(wishes: Value) -> Schedules {
    let (schedules, problem) = read(wishes);
    assert_eq!(problem, None);
    schedules
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn min(schedules: &Schedules, now: Timestamp) -> Option<u32> {
    schedules.at(now, SignedDuration::ZERO).rule.map(Rule::min)
}

/// `01:30+1`: that time in UTC, so many days after `date`.
fn golden_moment(date: Date, text: &str) -> Timestamp {
    let sign = text.find(['+', '-']).unwrap_or(text.len());
    let days: i32 = if sign < text.len() { text[sign..].parse().expect("days") } else { 0 };
    let time: Time = text[..sign].parse().expect("a time");
    date.checked_add(days.days()).expect("a date").to_datetime(time).to_zoned(TimeZone::UTC).expect("UTC").timestamp()
}

/// The windows that the golden file has of one schedule.
fn golden(lines: &[&str]) -> Vec<Range<Timestamp>> {
    let mut windows = Vec::new();
    for line in lines {
        let parts: Vec<_> = line.split(' ').collect();
        let [first, last]: [Date; 2] = [0, 1].map(|n| parts[n].parse().expect("a date"));
        for date in first.series(1.day()).take_while(|date| *date <= last) {
            if let [_, _, start, end] = parts[..] {
                windows.push(golden_moment(date, start)..golden_moment(date, end));
            }
        }
    }
    windows
}

/// The windows that open from one moment until another, found by going from each change to the next.
fn walked(schedules: &Schedules, from: Timestamp, until: Timestamp) -> Vec<Range<Timestamp>> {
    let (mut now, mut windows) = (from, Vec::new());
    while now < until {
        let plan = schedules.at(now, SignedDuration::ZERO);
        let next = plan.next.expect("there is always another window");
        assert!(next > now);
        if plan.rule.is_some() {
            windows.push(now..next);
        }
        now = next;
    }
    windows
}

#[test]
fn a_whole_year_is_as_another_implementation_says() {
    let text = include_str!("golden.txt");
    let mut seen = 0;
    for block in text.split("\n\n").skip(1) {
        let lines: Vec<_> = block.lines().collect();
        let [start, end, zone] = lines[0].split(' ').collect::<Vec<_>>()[..] else { panic!("{}", lines[0]) };
        let schedules = schedules(json!([{ "start": start, "end": end, "timeZone": zone, "min": 1 }]));
        let expected = golden(&lines[1..]);
        let (first, last) = (expected[0].start, expected[expected.len() - 1].end);
        let found = walked(&schedules, first, last);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{}", lines[0]);
        }
        assert_eq!(found.len(), expected.len(), "{}", lines[0]);
        seen += found.len();
    }
    assert!(seen > 4_000, "{seen}");
}

#[test]
fn a_window_is_open_at_its_start_and_not_at_its_end() {
    let schedules = schedules(json!([{ "start": "08:00", "end": "08:00:30", "min": 3 }]));
    let of = |text| min(&schedules, at(text));
    assert_eq!(of("2026-05-04T07:59:59.999999999Z"), None);
    assert_eq!(of("2026-05-04T08:00:00Z"), Some(3));
    assert_eq!(of("2026-05-04T08:00:29.999999999Z"), Some(3));
    assert_eq!(of("2026-05-04T08:00:30Z"), None);
}

#[test]
fn the_highest_minimum_of_those_that_are_open_wins() {
    let schedules = schedules(json!([
        { "start": "06:00", "end": "20:00", "min": 2 },
        { "start": "08:00", "end": "10:00", "min": 7 },
        { "start": "09:00", "end": "12:00", "min": 4 },
    ]));
    let of = |hour: u32| min(&schedules, at(&format!("2026-05-04T{hour:02}:00:00Z")));
    let seen: Vec<_> = [5, 6, 8, 9, 10, 12, 20].map(of).into();
    assert_eq!(seen, [None, Some(2), Some(7), Some(7), Some(4), Some(2), None]);
}

#[test]
fn a_window_over_midnight_is_of_the_day_it_starts_on() {
    // 8 May 2026 is a Friday.
    let schedules = schedules(json!([{ "start": "22:00", "end": "02:00", "days": ["Fri"], "min": 1 }]));
    let of = |text| min(&schedules, at(text));
    assert_eq!(of("2026-05-08T01:00:00Z"), None);
    assert_eq!(of("2026-05-08T22:00:00Z"), Some(1));
    assert_eq!(of("2026-05-09T01:59:59Z"), Some(1));
    assert_eq!(of("2026-05-09T22:00:00Z"), None);
    let next = schedules.at(at("2026-05-09T02:00:00Z"), SignedDuration::ZERO).next;
    assert_eq!(next, Some(at("2026-05-15T22:00:00Z")));
}

#[test]
fn a_window_that_the_clocks_leave_out_is_not_opened_ahead_either() {
    let schedules = schedules(
        json!([{ "start": "02:15", "end": "02:45", "timeZone": "Europe/Berlin", "days": ["Sun"], "min": 1 }]),
    );
    let ahead = SignedDuration::from_mins(10);
    let plan = schedules.at(at("2026-03-28T12:00:00Z"), ahead);
    assert_eq!(plan, Plan { rule: None, next: Some(at("2026-04-05T00:05:00Z")) });
}

#[test]
fn windows_open_ahead_and_end_when_they_do() {
    let schedules = schedules(json!([{ "start": "08:00", "end": "09:00", "min": 3 }]));
    let ahead = SignedDuration::from_secs(12);
    let of = |text| schedules.at(at(text), ahead);
    assert_eq!(of("2026-05-04T07:00:00Z"), Plan { rule: None, next: Some(at("2026-05-04T07:59:48Z")) });
    let open = Plan { rule: Some(&schedules.0[0]), next: Some(at("2026-05-04T09:00:00Z")) };
    assert_eq!(of("2026-05-04T07:59:48Z"), open);
    assert_eq!(of("2026-05-04T09:00:00Z").rule, None);
}

#[test]
fn without_schedules_nothing_holds_and_nothing_changes() {
    assert_eq!(Schedules::default().at(Timestamp::UNIX_EPOCH, SignedDuration::ZERO), Plan::default());
}

#[test]
fn at_the_ends_of_time_nothing_breaks() {
    let schedules = schedules(json!([{ "start": "22:00", "end": "06:00", "timeZone": "Asia/Kolkata", "min": 1 }]));
    assert_eq!(schedules.at(Timestamp::MAX, SignedDuration::from_hours(1)).next, None);
    assert!(schedules.at(Timestamp::MIN, SignedDuration::from_hours(1)).next.is_some());
}

#[test]
fn a_schedule_is_told_as_it_was_written() {
    let told = |wish: Value| schedules(json!([wish])).0[0].to_string();
    assert_eq!(told(json!({ "start": "08:00", "end": "24:00", "min": 3 })), "08:00–24:00 UTC");
    let wish =
        json!({ "start": "08:00:30", "end": "18:00", "timeZone": "Europe/Berlin", "days": ["Mon", "Fri"], "min": 2 });
    assert_eq!(told(wish), "08:00:30–18:00 Mon, Fri Europe/Berlin");
}

#[test]
fn what_cannot_be_followed_is_named_and_the_others_hold() {
    for (field, value, right) in [
        ("timeZone", "Europe/Berln", "the name of a time zone, such as 'Europe/Berlin'"),
        ("timeZone", "Etc/Unknown", "the name of a time zone, such as 'Europe/Berlin'"),
        ("timeZone", "../../etc/passwd", "the name of a time zone, such as 'Europe/Berlin'"),
        ("start", "24:00", "a time of the day, such as '08:00'"),
        ("start", "soon", "a time of the day, such as '08:00'"),
        ("end", "24:01", "another time of the day than `start`, such as '18:30', or '24:00'"),
        ("end", "08:00:00", "another time of the day than `start`, such as '18:30', or '24:00'"),
    ] {
        let mut bad = json!({ "start": "08:00", "end": "18:00", "min": 9 });
        bad[field] = json!(value);
        let good = json!({ "start": "08:00", "end": "18:00", "timeZone": "UTC", "min": 3 });
        let (schedules, problem) = read(json!([good, bad]));
        assert_eq!(problem, Some(format!("schedules[1].{field} is '{value}': must be {right}")));
        assert_eq!(min(&schedules, at("2026-05-04T12:00:00Z")), Some(3));
    }
}

/// A schedule, its start and end in seconds of the day.
fn any_schedule() -> impl Strategy<Value = Value> {
    let zone =
        prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]);
    let time = |seconds: u32| format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let days = prop::sample::subsequence(vec!["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], 1..=7);
    (0..86_400u32, 1..86_400u32, zone, days, 1..9u32).prop_map(move |(start, length, zone, days, min)| {
        let end = time((start + length) % 86_400);
        json!({ "start": time(start), "end": end, "timeZone": zone, "days": days, "min": min })
    })
}

proptest! {
    #[test]
    fn between_a_moment_and_the_next_change_one_rule_holds(
        wishes in prop::collection::vec(any_schedule(), 1..6),
        second in 0..3 * 366 * 86_400i64,
        ahead in 0..700i64,
        part in 0.0..1.0f64,
    ) {
        let schedules = schedules(json!(wishes));
        let ahead = SignedDuration::from_secs(ahead);
        let now = at("2025-01-01T00:00:00Z") + SignedDuration::from_secs(second);
        let plan = schedules.at(now, ahead);
        let next = plan.next.expect("there is always another window");
        prop_assert!(next > now);
        let part = (next.duration_since(now).as_nanos() as f64 * part) as i64;
        let between = now + SignedDuration::from_nanos(part);
        for later in [between, next - SignedDuration::from_nanos(1)] {
            prop_assert_eq!(schedules.at(later, ahead), plan);
        }
        let alone = wishes.iter().filter_map(|wish| {
            let one = self::schedules(json!([wish]));
            one.at(now, ahead).rule.map(Rule::min)
        });
        prop_assert_eq!(plan.rule.map(Rule::min), alone.max());
    }
}
