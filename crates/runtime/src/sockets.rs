//! What the process may have in connections: asked of the kernel at the start, shown, and told when it does not suffice.

use std::{sync::Arc, time::Duration};

use prometheus::{
    IntCounterVec, Opts, PullingGauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use proxy::{Shortage, Sockets};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Between two lines about it.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// Raises the soft limit of file descriptors to the hard one, as Go's programs do: the soft one is often 1024, for the sake
/// of programs that use select(2). Gives the limit that holds.
pub fn raise_descriptors() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum.unwrap_or(u64::MAX);
    }
    current.unwrap_or(u64::MAX)
}

/// The connections of this process, shared out of what the kernel allows.
pub fn of_process(share: impl FnOnce(u64) -> Sockets) -> Arc<Sockets> {
    let descriptors = raise_descriptors();
    let sockets = share(descriptors);
    let (clients, upstreams) = (sockets.most(), sockets.most_upstreams());
    tracing::info!(descriptors, clients, upstreams, "connections that there may be");
    Arc::new(sockets)
}

/// Shows them on `/metrics`.
///
/// # Panics
/// They are shown there already.
pub fn show(registry: &Registry, sockets: &Arc<Sockets>) {
    let (open, most) = (Arc::clone(sockets), sockets.most());
    let gauges = [
        PullingGauge::new(
            "todoapp_connections",
            "Connections of clients that are open now, TLS handshakes included.",
            Box::new(move || open.open() as f64),
        ),
        PullingGauge::new(
            "todoapp_connections_limit",
            "Connections of clients that may be open.",
            Box::new(move || most as f64),
        ),
    ];
    for gauge in gauges {
        registry.register(Box::new(gauge.expect("constant names"))).expect("each name is registered once");
    }
    registry.register(Box::new(Shortages::new(Arc::clone(sockets)))).expect("each name is registered once");
}

/// Tells in the log what there is too little of, once a minute at most.
pub async fn tell(sockets: Arc<Sockets>) {
    loop {
        sockets.short().await;
        let count = |of| sockets.shortages(of);
        tracing::warn!(
            open = sockets.open(),
            most = sockets.most(),
            connections = count(Shortage::Connections),
            descriptors = count(Shortage::Descriptors),
            ports = count(Shortage::Ports),
            memory = count(Shortage::Memory),
            "too little of what connections need; so often so far"
        );
        tokio::time::sleep(TOLD_EVERY).await;
    }
}

/// Counters that are kept elsewhere, where they cost nothing.
struct Shortages {
    sockets: Arc<Sockets>,
    counters: IntCounterVec,
}

impl Shortages {
    fn new(sockets: Arc<Sockets>) -> Self {
        let help = "Connections that could not be accepted or made at once, by what there was too little of.";
        let options = Opts::new("todoapp_shortages_total", help);
        Self { sockets, counters: IntCounterVec::new(options, &["resource"]).expect("constant names") }
    }
}

impl Collector for Shortages {
    fn desc(&self) -> Vec<&Desc> {
        self.counters.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for shortage in Shortage::ALL {
            let counter = self.counters.with_label_values(&[shortage.name()]);
            counter.inc_by(self.sockets.shortages(shortage).saturating_sub(counter.get()));
        }
        self.counters.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_descriptors(), hard.unwrap_or(u64::MAX));
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }

    #[test]
    fn every_resource_is_there_from_the_start() {
        let registry = Registry::new();
        show(&registry, &Arc::new(Sockets::of(1024)));
        let page = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("a page");
        for shortage in Shortage::ALL {
            let line = format!("todoapp_shortages_total{{resource=\"{}\"}} 0\n", shortage.name());
            assert!(page.contains(&line), "{page}");
        }
        assert!(page.contains("todoapp_connections 0\n") && page.contains("todoapp_connections_limit 448\n"), "{page}");
    }
}
