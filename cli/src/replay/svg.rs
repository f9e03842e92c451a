//! Load and pods over time, as a drawing: what came above, what each policy had for it below.

use std::fmt::{self, Write as _};

use jiff::SignedDuration;

use super::Run;

const WIDTH: usize = 900;
const HEIGHT: usize = 400;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 880.0;
/// Most points of a line: what lies closer together is one.
const POINTS_MAX: usize = 410;
const COLORS: [&str; 2] = ["#1f6feb", "#d1570a"];

/// A place for one scale from 0 to its highest value.
struct Panel {
    title: &'static str,
    top: f64,
    bottom: f64,
    highest: f64,
}

impl Panel {
    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * value / self.highest
    }

    /// Frame, title, and both ends of the scale.
    fn frame(&self, out: &mut String) -> fmt::Result {
        let Self { title, top, bottom, highest } = self;
        writeln!(out, r#"<text x="{LEFT}" y="{:.1}">{title}</text>"#, top - 8.0)?;
        writeln!(out, r##"<path d="M{LEFT} {top}V{bottom}H{RIGHT}" fill="none" stroke="#57606a"/>"##)?;
        for (value, y) in [(*highest, top + 10.0), (0.0, *bottom)] {
            writeln!(out, r#"<text x="{:.1}" y="{y:.1}" text-anchor="end">{}</text>"#, LEFT - 6.0, round(value))?;
        }
        Ok(())
    }
}

/// A document.
pub fn draw(runs: &[Run]) -> String {
    let mut out = String::new();
    // Writing to a text does not fail.
    let _ = write(&mut out, runs);
    out
}

fn write(out: &mut String, runs: &[Run]) -> fmt::Result {
    let seconds = runs.iter().map(|run| run.outcome.timeline.len()).max().unwrap_or(0).max(1);
    let each = seconds.div_ceil(POINTS_MAX);
    let loads = runs.first().map(|run| by_column(run, each, mean)).unwrap_or_default();
    let pods: Vec<_> = runs.iter().map(|run| by_column(run, each, most)).collect();
    let highest = |values: &mut dyn Iterator<Item = &f64>| values.copied().fold(1.0, f64::max);
    let load = Panel { title: "requests a second", top: 30.0, bottom: 170.0, highest: highest(&mut loads.iter()) };
    let pod = Panel { title: "pods", top: 210.0, bottom: 350.0, highest: highest(&mut pods.iter().flatten()) };
    let x = |column: usize| LEFT + (RIGHT - LEFT) * (column * each).min(seconds) as f64 / seconds as f64;

    writeln!(out, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">"#)?;
    writeln!(out, r#"<g font-family="sans-serif" font-size="12">"#)?;
    writeln!(out, r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##)?;
    load.frame(out)?;
    let area = steps(&loads, &load, x);
    writeln!(out, r##"<path d="M{LEFT} {}{area}V{}Z" fill="#d0d7de"/>"##, load.bottom, load.bottom)?;
    pod.frame(out)?;
    for ((run, pods), (color, n)) in runs.iter().zip(&pods).zip(COLORS.iter().zip(0u8..)) {
        let line = steps(pods, &pod, x);
        writeln!(out, r#"<path d="M{LEFT} {}{line}" fill="none" stroke="{color}" stroke-width="1.5"/>"#, pod.bottom)?;
        let at = LEFT + 60.0 + f64::from(n) * 380.0;
        writeln!(out, r#"<text x="{at}" y="{:.1}" fill="{color}">{}</text>"#, pod.top - 8.0, escaped(&run.name))?;
    }
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let time = SignedDuration::from_secs((seconds as f64 * share).round() as i64);
        let at = LEFT + (RIGHT - LEFT) * share;
        writeln!(out, r#"<text x="{at}" y="370" text-anchor="{anchor}">{time:#}</text>"#)?;
    }
    writeln!(out, "</g>\n</svg>")
}

fn by_column(run: &Run, each: usize, figure: fn(&[super::outcome::Sample]) -> f64) -> Vec<f64> {
    run.outcome.timeline.chunks(each).map(figure).collect()
}

fn mean(samples: &[super::outcome::Sample]) -> f64 {
    samples.iter().map(|sample| f64::from(sample.requests)).sum::<f64>() / samples.len() as f64
}

fn most(samples: &[super::outcome::Sample]) -> f64 {
    samples.iter().map(|sample| f64::from(sample.pods)).fold(0.0, f64::max)
}

/// A line that keeps each value until the next one that differs.
fn steps(values: &[f64], panel: &Panel, x: impl Fn(usize) -> f64) -> String {
    let (mut path, mut column) = (String::new(), 0);
    for same in values.chunk_by(|one, next| one.total_cmp(next).is_eq()) {
        column += same.len();
        let _ = write!(path, "V{:.1}H{:.1}", panel.y(same[0]), x(column));
    }
    path
}

/// At most one decimal.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
