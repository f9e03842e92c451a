//! The limits of the work, on registries that take connections and never answer.

use std::net::Ipv4Addr;

use serde_json::json;
use testkit::{ApiServer, Clock, Seed};
use tokio::net::TcpListener;

use super::*;
use crate::revision::tests::revision;

struct Desk {
    resolver: Resolver,
    triggers: mpsc::Receiver<Key>,
    settings: watch::Sender<Arc<Settings>>,
}

fn desk() -> Desk {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = ApiServer::new(Clock::start(), Seed::new(1));
    let (settings, followed) = watch::channel(Arc::default());
    let (sender, triggers) = mpsc::channel(64);
    Desk { resolver: Resolver::new(server.client("operator", "market"), followed, sender), triggers, settings }
}

/// A port that takes connections and says nothing; kept open as long as the listener.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

fn version(number: usize, registry: &str) -> Revision {
    let mut revision = revision(json!({ "spec": { "containers": [{ "image": format!("{registry}/app:1") }] } }));
    revision.metadata.name = Some(format!("shop-{number:05}"));
    revision.metadata.uid = Some(format!("uid-{number}"));
    revision
}

fn settings(timeout_s: u64, plain: &[&str]) -> Arc<Settings> {
    let plain = plain.iter().map(ToString::to_string).collect();
    let registries = Registries {
        timeout: Some(Duration::from_secs(timeout_s).into()),
        plain_http: Some(plain),
        ..Registries::default()
    };
    Arc::new(Settings { registries, ..Settings::default() })
}

#[tokio::test]
async fn a_registry_that_hangs_takes_its_share_and_leaves_the_rest_to_others() {
    let desk = desk();
    let (_one, hangs) = silent().await;
    let (_other, other) = silent().await;
    for number in 0..SHARE {
        assert_eq!(desk.resolver.ask(&version(number, &hangs)), Answer::Open(None, None), "under way");
    }
    assert_eq!(desk.resolver.ask(&version(90, &hangs)), Answer::Open(None, Some(OVER_LIMIT)));
    assert_eq!(desk.resolver.ask(&version(91, &other)), Answer::Open(None, None), "another registry");
    desk.resolver.forget("Revision/market/shop-00000");
    assert_eq!(desk.resolver.ask(&version(90, &hangs)), Answer::Open(None, None), "one has gone");
}

#[tokio::test]
async fn all_work_together_has_a_limit() {
    let desk = desk();
    let mut kept = Vec::new();
    for number in 0..WORK_MAX {
        let (listener, registry) = silent().await;
        kept.push(listener);
        assert_eq!(desk.resolver.ask(&version(number, &registry)), Answer::Open(None, None));
    }
    let (_last, registry) = silent().await;
    assert_eq!(desk.resolver.ask(&version(WORK_MAX, &registry)), Answer::Open(None, Some(OVER_LIMIT)));
}

#[tokio::test]
async fn a_failure_brings_the_revision_back_and_is_tried_again_later_or_under_other_settings() {
    let mut desk = desk();
    let (_kept, registry) = silent().await;
    desk.settings.send_replace(settings(1, &[&registry]));
    let version = version(1, &registry);
    assert_eq!(desk.resolver.ask(&version), Answer::Open(None, None));
    assert_eq!(desk.triggers.recv().await, Some(Key::new("market", "shop-00001")));
    let Answer::Open(Some(problem), Some(wait)) = desk.resolver.ask(&version) else { panic!("failed, and waits") };
    assert_eq!(problem.reason, "RegistryTimeout");
    assert!(problem.message.contains("did not answer within 1s"), "{problem:?}");
    assert!(wait <= BACKOFF[0] && wait > BACKOFF[0] / 2, "{wait:?}");

    desk.settings.send_replace(settings(2, &[&registry]));
    assert_eq!(desk.resolver.ask(&version), Answer::Open(Some(problem), None), "asked again at once");
    let skip = Registries { skip: Some(vec![registry.clone()]), ..Registries::default() };
    desk.settings.send_replace(Arc::new(Settings { registries: skip, ..Settings::default() }));
    assert_eq!(desk.resolver.ask(&version), Answer::AsWritten);
    assert!(!desk.resolver.knows("Revision/market/shop-00001"));
}

#[test]
fn waits_double_up_to_five_minutes() {
    assert_eq!([0, 1, 5, 6, 40].map(|failures| backoff(failures).as_secs()), [5, 10, 160, 300, 300]);
}
