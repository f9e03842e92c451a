//! TLS at the public door: real handshakes, certificates made for the occasion.

use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc, time::SystemTime};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::{
    listen::{self, Limits},
    net,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use super::{
    watching::{ApiServer, until},
    world::{PATIENCE, Pod, World, call, get, key, log, open},
};
use crate::{
    reception::Reception,
    route::Door,
    serve::{Activator, serve},
    tls::{Certificates, Redirect, Shelf, files, watch},
};

/// A certificate and its key, as PEM.
#[derive(Clone)]
struct Made {
    certificate: String,
    key: String,
}

/// Valid from the year 2020, unless another begins it, to 2100.
fn made_in(year: i32, names: &[&str]) -> Made {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(year, 1, 1), date_time_ymd(2100, 1, 1));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Made { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn made(names: &[&str]) -> Made {
    made_in(2020, names)
}

/// A world with a door over TLS.
struct Secured {
    world: World,
    certificates: Arc<Certificates>,
    shelf: Shelf,
    door: SocketAddr,
    roots: RootCertStore,
}

impl Secured {
    fn new(default: Option<&str>) -> Self {
        let world = World::new();
        let certificates = Certificates::new(&world.registry, Arc::new(SystemTime::now));
        let shelf = Shelf::new(Arc::clone(&certificates), default.map(key));
        let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let door = listener.local_addr().unwrap();
        let activator = Arc::clone(&world.activator);
        let handler = move |request, connection| serve(Arc::clone(&activator), Door::Public, request, connection);
        let (identities, end) = (Arc::clone(&certificates), CancellationToken::new());
        tokio::spawn(listen::serve_tls(listener, identities, handler, Limits::default(), end, PATIENCE));
        Self { world, certificates, shelf, door, roots: RootCertStore::empty() }
    }

    /// The Secret `name` has this certificate from now on, and clients trust it.
    fn put(&mut self, name: &str, made: &Made) {
        let certificate = CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
        self.roots.add(certificate).unwrap();
        self.set(name, &made.certificate, &made.key);
    }

    fn set(&mut self, name: &str, certificate: &str, private: &str) {
        self.shelf.here(key(name), files(certificate, private));
        self.shelf.publish();
    }

    async fn connect(&self, name: &str, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        self.connect_by(name, protocols, rustls::DEFAULT_VERSIONS).await
    }

    async fn connect_by(
        &self,
        name: &str,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.door).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
    }

    /// What the client is shown.
    async fn shown(&self, name: &str) -> String {
        let stream = self.connect(name, &[]).await.unwrap();
        pem(&stream)
    }

    fn metric(&self, line: &str) -> String {
        self.world.metric(line).unwrap_or_default()
    }
}

fn pem(stream: &TlsStream<TcpStream>) -> String {
    let shown = &stream.get_ref().1.peer_certificates().unwrap()[0];
    BASE64_STANDARD.encode(shown)
}

fn is(shown: &str, made: &Made) -> bool {
    made.certificate.replace(['\r', '\n'], "").contains(shown)
}

/// The alert by which a handshake was refused.
fn alert(refused: &io::Error) -> Option<AlertDescription> {
    match refused.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

async fn refused(secured: &Secured, name: &str) -> Option<AlertDescription> {
    alert(&secured.connect(name, &[]).await.expect_err("no handshake"))
}

#[tokio::test]
async fn a_certificate_for_each_name_and_none_for_others() {
    let mut secured = Secured::new(None);
    assert_eq!(refused(&secured, "a.default.test").await, Some(AlertDescription::UnrecognisedName));
    let (one, all) = (made(&["a.default.test"]), made_in(2021, &["*.default.test"]));
    secured.put("one", &one);
    secured.put("all", &all);
    assert!(is(&secured.shown("a.default.test").await, &one));
    assert!(is(&secured.shown("A.Default.Test").await, &one));
    assert!(is(&secured.shown("b.default.test").await, &all));
    assert_eq!(refused(&secured, "a.b.default.test").await, Some(AlertDescription::UnrecognisedName));
    secured.shelf.gone(&key("all"));
    secured.shelf.publish();
    assert_eq!(refused(&secured, "b.default.test").await, Some(AlertDescription::UnrecognisedName));
    assert_eq!(secured.metric("todoapp_tls_handshakes_total{result=\"unknown_name\"}"), "3");
    // The last of them is counted by the server after the client has seen it.
    until(|| secured.metric("todoapp_tls_handshakes_total{result=\"done\"}") == "3").await;
}

#[tokio::test]
async fn the_default_certificate_is_for_the_rest() {
    let mut secured = Secured::new(Some("any"));
    let any = made(&["any.test"]);
    secured.put("any", &any);
    // Shown, and refused by the client, for it is for another name.
    let cause = secured.connect("other.test", &[]).await.unwrap_err().to_string();
    assert!(cause.contains("certificate not valid for name"), "{cause}");
}

#[tokio::test]
async fn another_certificate_is_used_by_the_next_handshake_and_cuts_nobody() {
    let mut secured = Secured::new(None);
    secured.world.simple("a", 0);
    let pod = Pod::new("first");
    secured.world.up("uid-a-1", pod.address);
    let (old, new) = (made(&["a.default.test"]), made(&["a.default.test"]));
    secured.put("s", &old);
    let mut open = secured.connect("a.default.test", &[]).await.unwrap();
    secured.put("s", &new);
    assert!(is(&secured.shown("a.default.test").await, &new));
    open.write_all(b"GET / HTTP/1.1\r\nhost: a.default.test\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_broken_secret_keeps_the_last_good_certificate_and_touches_no_other() {
    let mut secured = Secured::new(None);
    let (good, other, foreign) = (made(&["a.test"]), made(&["b.test"]), made(&["c.test"]));
    secured.put("a", &good);
    secured.put("b", &other);
    assert_eq!(secured.metric("todoapp_tls_broken_secrets"), "0");
    for (certificate, private) in [
        ("-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n", &*good.key),
        ("", &*good.key),
        (&*good.certificate, ""),
        (&*good.certificate, &*foreign.key),
        (&*made(&[]).certificate, &*good.key),
    ] {
        secured.set("a", certificate, private);
        assert_eq!(secured.metric("todoapp_tls_broken_secrets"), "1", "{certificate}");
        assert_eq!(secured.metric("todoapp_tls_certificates"), "2");
        assert!(is(&secured.shown("a.test").await, &good));
        assert!(is(&secured.shown("b.test").await, &other));
    }
    secured.set("new", &good.certificate, "nothing");
    assert_eq!(secured.metric("todoapp_tls_broken_secrets"), "2");
    let again = made(&["a.test"]);
    secured.put("a", &again);
    assert!(is(&secured.shown("a.test").await, &again));
    assert_eq!(secured.metric("todoapp_tls_broken_secrets"), "1");
    let expiry = secured.metric("todoapp_tls_certificate_expiry_timestamp_seconds{name=\"default/a\"}");
    assert_eq!(expiry, date_time_ymd(2100, 1, 1).unix_timestamp().to_string());
}

#[tokio::test]
async fn both_protocols_and_what_the_app_is_told() {
    let mut secured = Secured::new(None);
    secured.world.simple("a", 0);
    let pod = Pod::new("first");
    secured.world.up("uid-a-1", pod.address);
    secured.put("s", &made(&["a.default.test"]));

    let mut stream = secured.connect("a.default.test", &["http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a.default.test\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let mut client = h2(&secured, "a.default.test").await;
    assert_eq!(ask(&mut client, "a.default.test").await.0, StatusCode::OK);
    for head in &*pod.heads.lock() {
        assert_eq!(head["x-forwarded-proto"], "https");
        assert_eq!(head["forwarded"], "for=127.0.0.1;proto=https");
    }
    assert_eq!(pod.count(), 2);

    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = secured.connect_by("a.default.test", &[], &[version]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    let none = secured.connect("a.default.test", &["spdy/1"]).await.unwrap_err();
    assert_eq!(alert(&none), Some(AlertDescription::NoApplicationProtocol));
}

type Client = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

async fn h2(secured: &Secured, name: &str) -> Client {
    let stream = secured.connect(name, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn ask(client: &mut Client, host: &str) -> (StatusCode, String) {
    let request = Request::get(format!("https://{host}/")).body(Empty::new()).unwrap();
    let response = client.send_request(request).await.unwrap();
    let reason = response.headers().get("todoapp-error").map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = response.status();
    response.into_body().collect().await.unwrap();
    (status, reason)
}

#[tokio::test]
async fn a_host_that_the_certificate_does_not_cover_is_misdirected_and_wakes_nothing() {
    let mut secured = Secured::new(None);
    for app in ["a", "b", "c"] {
        secured.world.simple(app, 0);
    }
    let pod = Pod::new("first");
    secured.world.up("uid-a-1", pod.address);
    secured.world.up("uid-b-1", pod.address);
    secured.put("two", &made(&["a.default.test", "b.default.test"]));
    secured.put("c", &made(&["c.default.test"]));
    let mut client = h2(&secured, "a.default.test").await;
    assert_eq!(ask(&mut client, "a.default.test").await.0, StatusCode::OK);
    assert_eq!(ask(&mut client, "B.default.test:443").await.0, StatusCode::OK);
    let misdirected = (StatusCode::MISDIRECTED_REQUEST, "misdirected".to_owned());
    assert_eq!(ask(&mut client, "c.default.test").await, misdirected);
    assert_eq!(ask(&mut client, "a.default.test").await.0, StatusCode::OK);
    assert_eq!(secured.world.activator.shared.room.taken(), 0);
    assert_eq!(secured.world.metric("todoapp_held_requests{app=\"c\""), None);
}

#[tokio::test]
async fn plain_requests_for_hosts_with_a_certificate_are_sent_to_tls() {
    let mut secured = Secured::new(None);
    secured.world.simple("a", 0);
    secured.world.simple("b", 0);
    let pod = Pod::new("first");
    secured.world.up("uid-a-1", pod.address);
    secured.world.up("uid-b-1", pod.address);
    let plain = |port| {
        let redirect = Some(Redirect { certificates: Arc::clone(&secured.certificates), port });
        let reception = Reception { redirect, ..Reception::default() };
        let Activator { tables, shared, pool, .. } = &*secured.world.activator;
        open(&Activator::new(tables.clone(), Arc::clone(shared), pool.clone(), reception), Door::Public)
    };
    let (usual, other) = (plain(443), plain(8443));
    assert_eq!(get(usual, "a.default.test").await.status, 200);
    secured.put("s", &made(&["a.default.test"]));
    let sent = super::world::answer(call(usual, "A.default.test:80", "/x/..%2f?q=1", "").await).await;
    assert_eq!((sent.status, sent.header("location")), (308, "https://a.default.test/x/..%2f?q=1"));
    assert_eq!(get(other, "a.default.test").await.header("location"), "https://a.default.test:8443/");
    assert_eq!(get(usual, "b.default.test").await.status, 200);
    // Over TLS it is served.
    let mut client = h2(&secured, "a.default.test").await;
    assert_eq!(ask(&mut client, "a.default.test").await.0, StatusCode::OK);
}

fn secret(name: &str, made: &Made) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": "default", "resourceVersion": "2"},
        "data": {
            "tls.crt": BASE64_STANDARD.encode(&made.certificate), "tls.key": BASE64_STANDARD.encode(&made.key),
            "ca.crt": "AAAA",
        },
    })
}

#[tokio::test]
async fn secrets_are_watched_by_type_in_each_namespace() {
    let Secured { world, certificates, shelf, .. } = Secured::new(None);
    let server = Arc::new(ApiServer::default());
    *server.lists.lock() = vec![("secrets", vec![secret("a", &made(&["a.test"]))])];
    let (synced, is_synced) = oneshot::channel();
    let namespaces = BTreeSet::from(["default".to_owned()]);
    let shared = Arc::clone(&world.activator.shared);
    tokio::spawn(watch::run(server.client(), namespaces, shelf, shared, synced));
    is_synced.await.unwrap();
    assert!(certificates.has("a.test"));
    for query in &*server.queries.lock() {
        assert!(query.starts_with("/api/v1/namespaces/default/secrets?"), "{query}");
        assert!(query.contains("fieldSelector=type%3Dkubernetes.io%2Ftls"), "{query}");
    }
    server.event("secrets", "ADDED", secret("b", &made(&["b.test"]))).await;
    until(|| certificates.has("b.test")).await;
    server.event("secrets", "MODIFIED", secret("b", &made(&["c.test"]))).await;
    until(|| certificates.has("c.test")).await;
    assert!(!certificates.has("b.test") && certificates.has("a.test"));
    server.event("secrets", "DELETED", secret("a", &made(&["a.test"]))).await;
    until(|| !certificates.has("a.test")).await;
}

#[tokio::test]
async fn a_broken_secret_is_told_of_once_and_never_with_what_is_in_it() {
    let (log, _guard) = log();
    let mut secured = Secured::new(None);
    let (good, foreign) = (made(&["a.test"]), made(&["b.test"]));
    secured.put("a", &good);
    let junk = good.key.replace("PRIVATE KEY", "PRIVATE\u{7f}KEY");
    for (certificate, private) in [(&good.certificate, &foreign.key), (&good.certificate, &junk), (&junk, &good.key)] {
        let before = log.lines().len();
        // A list that is asked for again has all of it again.
        for _ in 0..3 {
            secured.set("a", certificate, private);
        }
        let lines = log.lines();
        let [line] = &lines[before..] else { panic!("one line: {lines:?}") };
        assert_eq!((&line["secret"], &line["kept"]), (&"default/a".into(), &true.into()), "{line}");
        let said = line.to_string();
        let secrets = [certificate, private].into_iter().flat_map(|file| file.lines());
        for secret in secrets.filter(|line| line.len() > 4) {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let object = secret("a", &made(&["a.test"]));
    let lean: crate::tls::LeanSecret = serde_json::from_value(object).unwrap();
    let shown = format!("{lean:?} {:?}", lean.files());
    assert!(!shown.contains("BEGIN") && !shown.contains("[45, 45") && shown.contains("LeanData"), "{shown}");
}
