//! Rates and added time of the warm path through ours and others' proxies, each on one core, in turns.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use bench::warm::{Figures, Load, Way};
use bench::{PROMISES, at_least, median, promise};
use clap::{Parser, ValueEnum};

/// Of haproxy's requests a second, the activator's.
const SHARE: f64 = 0.8;
/// Added to a request by both of ours.
const ADDED_MS: f64 = 0.3;
/// Of Knative's share of the direct rate, our queue-proxy's.
const KNATIVE: f64 = 2.5;

#[derive(Parser)]
#[command(about = "Measures the warm path through ours and others' proxies")]
struct Args {
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Of one measurement.
    #[arg(long, default_value_t = 2)]
    seconds: usize,
    /// What the load generator speaks.
    #[arg(long, value_enum, default_values_t = [Protocol::Http1, Protocol::Http2])]
    protocol: Vec<Protocol>,
    /// Requests under way at a time.
    #[arg(long, default_values_t = [1, 32, 256])]
    width: Vec<usize>,
    /// Bytes of an answer.
    #[arg(long, default_values_t = [1024, 102_400])]
    size: Vec<usize>,
    /// Only ways whose names contain this.
    #[arg(long)]
    way: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Http1,
    Http2,
}

/// What was measured of a load: for each way its figures, one a round.
type Measured = Vec<(Way, Vec<Figures>)>;

#[tokio::main]
async fn main() -> ExitCode {
    bench::exit(run(&Args::parse()).await)
}

async fn run(args: &Args) -> Result<()> {
    let chosen = |way: &Way| args.way.is_empty() || args.way.iter().any(|wanted| way.name().contains(wanted));
    let ways: Vec<Way> = Way::ALL.into_iter().filter(chosen).collect();
    let loads = loads(args);
    let mut measured: Vec<Measured> = vec![ways.iter().map(|way| (*way, Vec::new())).collect(); loads.len()];
    for round in 0..args.rounds {
        // Every other round goes backwards, so that nobody always follows the same one.
        let order: Vec<usize> =
            if round % 2 == 0 { (0..ways.len()).collect() } else { (0..ways.len()).rev().collect() };
        for place in order {
            let open = ways[place].open().await?;
            for (load, measured) in loads.iter().zip(&mut measured) {
                measured[place].1.push(load.run(open.port(load.http2), args.seconds).await?);
            }
            open.close().await?;
        }
    }
    report(args, &ways, &loads, &measured);
    Ok(())
}

/// Each protocol with each size with each width.
fn loads(args: &Args) -> Vec<Load> {
    let mut loads = Vec::new();
    for protocol in &args.protocol {
        let http2 = *protocol == Protocol::Http2;
        for &size in &args.size {
            loads.extend(args.width.iter().map(|&width| Load { http2, size, width }));
        }
    }
    loads
}

fn report(args: &Args, ways: &[Way], loads: &[Load], measured: &[Measured]) {
    println!(
        "## Warm path\n\nAnswers a second, medians of {} rounds of {} s in turns. Proxies on one core, app and",
        args.rounds, args.seconds
    );
    println!("load (h2load) on the other; HTTP/1 to the app. In HTTP/2 there are up to 32 requests on a connection.\n");
    let names: Vec<&str> = ways.iter().map(|way| way.name()).collect();
    println!("| protocol | bytes | at a time | {} |", names.join(" | "));
    println!("| --- | --- | --- |{}", " --- |".repeat(ways.len()));
    for (load, measured) in loads.iter().zip(measured) {
        let rates: Vec<String> =
            measured.iter().map(|(_, figures)| format!("{:.0}", median(figures.iter().map(|f| f.rate)))).collect();
        println!("| {} | {} |", head(load), rates.join(" | "));
    }
    println!("\nOne request at a time, its median in microseconds:\n");
    println!("| protocol | bytes | at a time | {} |", names.join(" | "));
    println!("| --- | --- | --- |{}", " --- |".repeat(ways.len()));
    for (load, measured) in loads.iter().zip(measured).filter(|(load, _)| load.width == 1) {
        let times: Vec<String> = measured
            .iter()
            .map(|(_, figures)| format!("{:.0}", median(figures.iter().filter_map(p50)) * 1000.0))
            .collect();
        println!("| {} | {} |", head(load), times.join(" | "));
    }
    println!("\n{PROMISES}");
    for (load, measured) in loads.iter().zip(measured) {
        promises(load, measured);
    }
}

fn head(load: &Load) -> String {
    format!("{} | {} | {}", if load.http2 { "HTTP/2" } else { "HTTP/1" }, load.size, load.width)
}

/// Each is a median over rounds of what two ways did in the same round.
fn promises(load: &Load, measured: &Measured) {
    let of = |way| measured.iter().find(|(measured, _)| *measured == way).map(|(_, figures)| figures);
    let pairs = |one, other| Some(of(one)?.iter().zip(of(other)?));
    let what = head(load).replace(" | ", ", ");
    if load.width > 1
        && let Some(rounds) = pairs(Way::Activator, Way::Haproxy)
    {
        let share = median(rounds.map(|(ours, theirs)| ours.rate / theirs.rate));
        println!("{}", at_least(&format!("activator ÷ haproxy, {what}"), share, SHARE, ""));
    }
    if load.width == 1
        && let Some(rounds) = pairs(Way::Both, Way::Direct)
    {
        let added = median(rounds.filter_map(|(ours, direct)| Some(p50(ours)? - p50(direct)?)));
        println!("{}", promise(&format!("added by both of ours at p50, {what}"), added, ADDED_MS, "ms"));
    }
    // The promise is on both proxies of each side on a node; of one side's sidecars alone it is told here.
    if load.width == 32
        && let Some(rounds) = pairs(Way::QueueProxy, Way::KnativeQueueProxy)
    {
        let share = median(rounds.map(|(ours, theirs)| ours.rate / theirs.rate));
        println!("{}", at_least(&format!("queue-proxy ÷ Knative's, {what}"), share, KNATIVE, ""));
    }
}

fn p50(figures: &Figures) -> Option<f64> {
    figures.p50.map(|p50: Duration| p50.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads_of(flags: &[&str]) -> Vec<(bool, usize, usize)> {
        let args = Args::try_parse_from([&["warm"], flags].concat()).expect("flags");
        loads(&args).into_iter().map(|Load { http2, size, width }| (http2, size, width)).collect()
    }

    #[test]
    fn everything_is_measured_unless_less_is_asked_for() {
        let all = loads_of(&[]);
        assert_eq!(all.len(), 12);
        assert_eq!([all[0], all[11]], [(false, 1024, 1), (true, 102_400, 256)]);
    }

    #[test]
    fn one_load_can_be_chosen() {
        let flags = ["--protocol", "http2", "--size", "1024", "--width", "32"];
        assert_eq!(loads_of(&flags), [(true, 1024, 32)]);
        let both = ["--protocol", "http1", "--protocol", "http2", "--size", "1024", "--width", "32"];
        assert_eq!(loads_of(&both), [(false, 1024, 32), (true, 1024, 32)]);
    }
}
