//! Logs and the metrics every process has.

use prometheus::{IntGauge, Opts, Registry};
use tracing_subscriber::EnvFilter;

/// Sends JSON lines to standard output, as far as `filter` lets them through (`info`, `activator=debug,kube=warn`, …).
///
/// # Errors
/// The filter cannot be parsed, or logs were set up before in this process.
pub fn init(filter: &str) -> anyhow::Result<()> {
    let mut levels = EnvFilter::try_new(filter)?;
    if !filter.contains("h2") {
        // It warns of frames that any client can send as often as it likes.
        levels = levels.add_directive("h2=error".parse()?);
    }
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(levels)
        .try_init()
        .map_err(|cause| anyhow::anyhow!("logs cannot be set up: {cause}"))
}

/// A registry that already tells which build is running (`todoapp_build_info`, always 1).
///
/// `component` is the program's name, `version` its `CARGO_PKG_VERSION`.
pub fn registry(component: &str, version: &str) -> Registry {
    let registry = Registry::new();
    let info = IntGauge::with_opts(
        Opts::new("todoapp_build_info", "Which build runs; always 1.")
            .const_label("component", component)
            .const_label("version", version),
    )
    .expect("a constant name and labels");
    info.set(1);
    registry.register(Box::new(info)).expect("an empty registry takes it");
    registry
}
