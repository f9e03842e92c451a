//! Splits as tables for people.

use api::{RoutedTraffic, TrafficTarget};

use crate::text::table;

/// What is routed by now; the app's own URL stands for shares without a tag.
pub fn shown(traffic: &[RoutedTraffic], url: Option<&str>) -> String {
    if traffic.is_empty() {
        return "nothing is routed yet: no revision was ready so far\n".to_owned();
    }
    let row = |target: &RoutedTraffic| {
        let own = url.filter(|_| target.percent > 0 && target.tag.is_none()).unwrap_or("-");
        row(&target.revision, target.percent, target.tag.as_ref(), Some(target.url.as_deref().unwrap_or(own)))
    };
    rows(&["REVISION", "PERCENT", "TAG", "URL"], traffic.iter().map(row))
}

/// What is asked for.
pub fn wanted(traffic: &[TrafficTarget]) -> String {
    let row = |target: &TrafficTarget| {
        row(target.revision.as_deref().unwrap_or("latest"), target.percent, target.tag.as_ref(), None)
    };
    rows(&["REVISION", "PERCENT", "TAG"], traffic.iter().map(row))
}

fn row(revision: &str, percent: u32, tag: Option<&String>, url: Option<&str>) -> Vec<String> {
    let tag = tag.map_or("-", String::as_str);
    let cells = [revision, &percent.to_string(), tag].map(str::to_owned);
    cells.into_iter().chain(url.map(str::to_owned)).collect()
}

fn rows(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|&word| word.to_owned()).collect();
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>())
}
