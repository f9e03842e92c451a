//! Times of requests, as OpenTelemetry names and cuts them: `http.server.request.duration`.
//!
//! A handle for each method and status that occurs, found without a lock or a hash. There are at most 10 methods times
//! 71 statuses of them, whatever clients and apps say.

use std::{sync::OnceLock, time::Duration};

use hyper::{Method, StatusCode};
use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

/// Boundaries in seconds.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Methods with a label of their own; the rest are `_OTHER`.
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"];
/// The registered status codes; others get the label of their class.
const CODES: [u16; 65] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400,
    401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425,
    426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 599,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Codes, classes, and no answer at all.
const STATUSES: usize = CODES.len() + CLASSES.len() + 1;

/// A method as the histogram knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodLabel(u8);

impl MethodLabel {
    /// Of the method, or of `_OTHER`.
    pub fn of(method: &Method) -> Self {
        let other = METHODS.len() - 1;
        Self(METHODS[..other].iter().position(|name| *name == method.as_str()).unwrap_or(other) as u8)
    }
}

/// The histogram.
#[derive(Debug)]
pub struct Durations {
    all: HistogramVec,
    handles: Box<[OnceLock<Histogram>]>,
}

impl Durations {
    /// Makes and registers it.
    ///
    /// # Panics
    /// The name is taken.
    pub fn new(registry: &Registry) -> Self {
        let options = HistogramOpts::new(
            "http_server_request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
        );
        let labels = ["http_request_method", "http_response_status_code"];
        let all = HistogramVec::new(options.buckets(SECONDS.to_vec()), &labels).expect("constant names");
        registry.register(Box::new(all.clone())).expect("each name is registered once");
        Self { all, handles: (0..METHODS.len() * STATUSES).map(|_| OnceLock::new()).collect() }
    }

    /// A request is over; without a status there was no answer.
    pub fn observe(&self, method: MethodLabel, status: Option<StatusCode>, took: Duration) {
        let (row, column) = (usize::from(method.0), column(status));
        let handle = self.handles[row * STATUSES + column]
            .get_or_init(|| self.all.with_label_values(&[METHODS[row], &*label(column)]));
        handle.observe(took.as_secs_f64());
    }
}

fn column(status: Option<StatusCode>) -> usize {
    let Some(status) = status else { return STATUSES - 1 };
    let class = || CODES.len() + usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
    CODES.binary_search(&status.as_u16()).unwrap_or_else(|_| class())
}

fn label(column: usize) -> String {
    let class = || CLASSES.get(column - CODES.len()).map_or_else(String::new, |class| (*class).to_owned());
    CODES.get(column).map_or_else(class, u16::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_label_and_nobody_can_make_more() {
        assert!(CODES.is_sorted());
        let labels: std::collections::BTreeSet<_> =
            (100..1000).map(|code| label(column(StatusCode::from_u16(code).ok()))).collect();
        assert_eq!(labels.len(), CODES.len() + CLASSES.len());
        for (status, expected) in [(Some(200), "200"), (Some(299), "2xx"), (Some(799), "5xx"), (None, "")] {
            let status = status.map(|code: u16| StatusCode::from_u16(code).unwrap());
            assert_eq!(label(column(status)), expected);
        }
    }

    #[test]
    fn methods_of_clients_own_are_one() {
        let registry = Registry::new();
        let durations = Durations::new(&registry);
        for method in ["GET", "BREW", "get", "PATCH"] {
            let label = MethodLabel::of(&method.parse().unwrap());
            durations.observe(label, Some(StatusCode::OK), Duration::from_millis(7));
        }
        let page = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let count = |method: &str, count: u8| {
            let line = format!("_count{{http_request_method=\"{method}\",http_response_status_code=\"200\"}} {count}");
            assert!(page.contains(&line), "{line} in {page}");
        };
        count("GET", 1);
        count("PATCH", 1);
        count("_OTHER", 2);
    }
}
