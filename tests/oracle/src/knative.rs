//! Knative's own code in a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use scaling::{Aggregation, Metric, Spec};
use serde::Serialize;

use crate::trace::{Answer, Event, Trace};

/// The running program.
pub struct Knative {
    child: Child,
    /// Taken when it is to end.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// Builds the program into `folder`. Go's caches are those of the other tools that are built for tests, so that
/// nothing is fetched twice, and only the first build takes long.
pub fn build(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("knative-oracle");
    let cache = std::env::var_os("TODOAPP_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache/todoapp"))).context("no home folder")?;
    let status = Command::new("go")
        .args(["test", "-c", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/knative"))
        .env("GOPATH", cache.join("go"))
        .env("GOCACHE", cache.join("go-build"))
        .env("GOFLAGS", "-trimpath -buildvcs=false -modcacherw -mod=readonly")
        .env("GOWORK", "off")
        .status()
        .context("go is needed to build Knative's autoscaler (https://go.dev/dl)")?;
    ensure!(status.success(), "building Knative's autoscaler: {status}");
    Ok(program)
}

impl Knative {
    /// Starts the program.
    pub fn start(program: &Path) -> Result<Self> {
        // One thread: the traces run in virtual time, and another process uses the other core.
        let mut command = Command::new(program);
        command.env("GOMAXPROCS", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting Knative's autoscaler")?;
        let stdin = Some(child.stdin.take().context("no stdin")?);
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Self { child, stdin, stdout })
    }

    /// Its decisions. A spec that Knative's webhook would refuse is an error.
    pub fn decide(&mut self, trace: &Trace) -> Result<Vec<Answer>> {
        let specs = trace.specs.iter().map(Settings::of).collect();
        let mut line = serde_json::to_vec(&Request { specs, events: &trace.events })?;
        line.push(b'\n');
        self.stdin.as_mut().context("ended")?.write_all(&line)?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        serde_json::from_str(&answer).with_context(|| format!("Knative's autoscaler said: {answer}"))
    }
}

impl Drop for Knative {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // What remains on its way out is the verdict of Go's test runner.
        let _ = std::io::copy(&mut self.stdout, &mut std::io::sink());
        let _ = self.child.wait();
    }
}

#[derive(Serialize)]
struct Request<'a> {
    specs: Vec<Settings>,
    events: &'a [Event],
}

/// What users of Knative would write to have the same spec.
#[derive(Serialize)]
struct Settings {
    /// Of the revision.
    annotations: BTreeMap<String, String>,
    /// Of the cluster.
    config: BTreeMap<&'static str, String>,
}

impl Settings {
    /// Defaults are left out, so that Knative's own are used, but for `max`, whose default is another one here.
    fn of(spec: &Spec) -> Self {
        let default = Spec::of(spec.metric);
        let mut given = differing(annotations(spec), &annotations(&default));
        given.insert("max-scale", spec.max.to_string());
        if spec.metric == Metric::RequestRate {
            given.insert("metric", "rps".to_owned());
        }
        let prefixed = given.into_iter().map(|(name, value)| (format!("autoscaling.knative.dev/{name}"), value));
        Self { annotations: prefixed.collect(), config: differing(config(spec), &config(&default)) }
    }
}

type Written = Vec<(&'static str, String)>;

fn differing(written: Written, defaults: &Written) -> BTreeMap<&'static str, String> {
    written.into_iter().filter(|pair| !defaults.contains(pair)).collect()
}

fn config(spec: &Spec) -> Written {
    vec![("max-scale-up-rate", spec.up_rate.to_string()), ("max-scale-down-rate", spec.down_rate.to_string())]
}

fn annotations(spec: &Spec) -> Written {
    let aggregation = match spec.aggregation {
        Aggregation::Linear => "linear",
        Aggregation::WeightedExponential => "weighted-exponential",
    };
    vec![
        ("metric-aggregation-algorithm", aggregation.to_owned()),
        ("min-scale", spec.min.to_string()),
        ("target", spec.target.to_string()),
        ("target-utilization-percentage", (spec.utilization * 100.0).round().to_string()),
        ("window", format!("{}s", spec.window_s)),
        ("panic-window-percentage", spec.burst_window_percent.to_string()),
        ("panic-threshold-percentage", spec.burst_threshold_percent.to_string()),
        ("activation-scale", spec.activation.to_string()),
        ("scale-down-delay", format!("{}s", spec.scale_down_delay.as_secs())),
    ]
}
