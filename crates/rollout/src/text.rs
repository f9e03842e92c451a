//! Figures as people read them.

use std::time::Duration;

use api::rollout::Figures;

/// "0.5 %".
pub fn percent(part: f64) -> String {
    format!("{} %", (part * 1000.0).round() / 10.0)
}

/// "83 ms", "1.2 s".
pub fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 0.01 => format!("{:.0} ms", seconds * 1000.0),
        seconds => format!("{:.1} ms", seconds * 1000.0),
    }
}

/// "1204 requests, 0.1 % errors, p99 83 ms".
pub fn figures(figures: &Figures) -> String {
    if figures.requests == 0 {
        return "no requests".to_owned();
    }
    let errors = percent(figures.errors as f64 / figures.requests as f64);
    let noun = if figures.requests == 1 { "request" } else { "requests" };
    let p99 =
        figures.p99_milliseconds.map(|ms| format!(", p99 {}", time(Duration::from_millis(ms)))).unwrap_or_default();
    format!("{} {noun}, {errors} errors{p99}", figures.requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let of = |requests, errors, p99| figures(&Figures { requests, errors, cold_starts: 0, p99_milliseconds: p99 });
        assert_eq!(of(1204, 1, Some(83)), "1204 requests, 0.1 % errors, p99 83 ms");
        assert_eq!(of(1, 1, None), "1 request, 100 % errors");
        assert_eq!(of(0, 0, None), "no requests");
        assert_eq!(time(Duration::from_millis(1234)), "1.2 s");
    }
}
