//! docs/errors.md has every reason, with its status, and no other.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use proxy::{
    Failure, Shortage,
    error::{HoldScope, REASONS, told},
};

const PAGE: &str = include_str!("../../../docs/errors.md");
const SOURCE: &str = include_str!("../src/error.rs");

/// One of each; of bad requests, one of each status.
fn samples() -> Vec<Failure> {
    let mut samples = vec![
        Failure::NoRoute,
        Failure::Misdirected,
        Failure::HoldTimeout(None),
        Failure::HoldFull(HoldScope::App),
        Failure::RevisionFailed(String::new()),
        Failure::NoRevision(String::new()),
        Failure::UpstreamBroken(String::new()),
        Failure::AppUnreachable(String::new()),
        Failure::Exhausted(Shortage::Ports),
        Failure::Recycled,
        Failure::Loop,
        Failure::RequestTimeout,
        Failure::ResponseStartTimeout,
        Failure::IdleTimeout,
        Failure::GateFull,
    ];
    let refusals = [400, 405, 417, 501].map(|code| StatusCode::from_u16(code).unwrap());
    samples.extend(refusals.map(|status| Failure::BadRequest(status, "")));
    samples
}

/// The reasons that the code can give.
fn reasons() -> BTreeSet<&'static str> {
    let (_, function) = SOURCE.split_once("fn reason(").unwrap();
    let (function, _) = function.split_once("\n    }\n").unwrap();
    function.split('"').skip(1).step_by(2).collect()
}

/// The sections of the page by their reasons.
fn sections() -> BTreeMap<&'static str, &'static str> {
    let (sections, _) = PAGE.split_once("\n## When something runs out\n").expect("what comes after the reasons");
    let sections = sections.split("\n## `").skip(1);
    sections.map(|section| section.split_once("`\n").expect("a reason in the heading")).collect()
}

#[test]
fn every_reason_has_a_section_and_every_section_a_reason() {
    assert_eq!(reasons().iter().collect::<Vec<_>>(), sections().keys().collect::<Vec<_>>());
}

#[test]
fn every_reason_is_tried_here_and_told_again() {
    assert_eq!(samples().iter().map(Failure::reason).collect::<BTreeSet<_>>(), reasons());
    assert_eq!(REASONS.into_iter().collect::<BTreeSet<_>>(), reasons());
    for failure in samples() {
        assert_eq!(told(failure.clone().into_response().headers()), Some(failure.reason()));
    }
    let foreign = http::HeaderMap::from_iter([(proxy::error::ERROR_HEADER, "of-the-apps-own".parse().unwrap())]);
    assert_eq!(told(&foreign), None);
}

#[test]
fn a_section_has_status_cause_place_and_fix() {
    for failure in samples() {
        let (reason, status) = (failure.reason(), failure.status().as_u16());
        let section = sections()[reason];
        for part in ["- Status: ", "- Cause: ", "- Look at: ", "- Fix: "] {
            let text = section.lines().find_map(|line| line.strip_prefix(part));
            assert!(text.is_some_and(|text| !text.is_empty()), "{reason}: no {part}");
        }
        let stated = section.lines().find_map(|line| line.strip_prefix("- Status: ")).unwrap();
        assert!(stated.contains(&status.to_string()), "{reason}: {status} is not in {stated}");
        let retry = failure.into_response().headers().contains_key("retry-after");
        assert_eq!(retry, stated.contains("Retry-After"), "{reason}: Retry-After");
    }
}
