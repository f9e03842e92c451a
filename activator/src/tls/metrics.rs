//! What `/metrics` shows of TLS; nothing of it is there while TLS is off.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use proxy::tls::Shaken;

use crate::{metrics::registered, table::key::Key};

/// Certificates whose expiry is shown: those that expire first.
pub(super) const SHOWN_MAX: usize = 200;

const ENDS: [(Shaken, &str); 4] = [
    (Shaken::Done, "done"),
    (Shaken::UnknownName, "unknown_name"),
    (Shaken::Failed, "failed"),
    (Shaken::Late, "timeout"),
];

pub(super) struct Metrics {
    handshakes: [IntCounter; ENDS.len()],
    expiry: IntGaugeVec,
    certificates: Gauge,
    broken: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let handshakes = registered(
            registry,
            IntCounterVec::new(
                Opts::new("todoapp_tls_handshakes_total", "TLS handshakes, by how they ended."),
                &["result"],
            ),
        );
        Self {
            handshakes: ENDS.map(|(_, label)| handshakes.with_label_values(&[label])),
            expiry: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "todoapp_tls_certificate_expiry_timestamp_seconds",
                        "When a certificate expires, in Unix time, by its Secret (NAMESPACE/NAME); the 200 that expire first.",
                    ),
                    &["name"],
                ),
            ),
            certificates: registered(registry, Gauge::new("todoapp_tls_certificates", "Certificates in use.")),
            broken: registered(
                registry,
                Gauge::new(
                    "todoapp_tls_broken_secrets",
                    "Secrets of type kubernetes.io/tls that cannot be used as they are; an earlier good state stays in use.",
                ),
            ),
        }
    }

    pub(super) fn shaken(&self, how: Shaken) {
        let place = ENDS.iter().position(|(end, _)| *end == how);
        self.handshakes[place.expect("every end is in the list")].inc();
    }

    /// Shows these certificates, with the time of their expiry, and so many broken Secrets.
    pub(super) fn show<'a>(&self, certificates: impl Iterator<Item = (i64, &'a Key)>, broken: usize) {
        let mut all: Vec<_> = certificates.collect();
        all.sort_unstable();
        self.certificates.set(all.len() as f64);
        self.broken.set(broken as f64);
        self.expiry.reset();
        for (expiry, key) in all.into_iter().take(SHOWN_MAX) {
            self.expiry.with_label_values(&[&key.to_string()]).set(expiry);
        }
    }
}
