//! A registry: Debian's `docker-registry` on a port of its own, with a folder of its own, ended when it is dropped.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Who may push and pull where credentials are wanted.
pub const USER: &str = "me";
pub const PASSWORD: &str = "correct horse";
/// `htpasswd -B` of them, with the least cost.
const HTPASSWD: &str = "me:$2b$04$4gxe.4IusXkXfPDVb9CT8.3sZrJ9ObQ/L3G0TccunthmI2rs39lNq\n";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry that runs.
pub struct Server {
    /// HOST:PORT.
    pub host: String,
    /// Its authority, as PEM; none over HTTP.
    pub authority: Option<String>,
    private: bool,
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// Over HTTP, for everybody.
    pub fn plain() -> Self {
        Self::start(false, false)
    }

    /// Over HTTPS with a certificate of an authority that nobody knows; `private` wants credentials.
    pub fn secure(private: bool) -> Self {
        Self::start(true, private)
    }

    fn start(secure: bool, private: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("todoapp-registry-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let port = free_port();
        let host = format!("127.0.0.1:{port}");
        let authority = secure.then(|| certify(&folder));
        let config = folder.join("config.json");
        fs::write(&config, configuration(&folder, &host, secure, private).to_string()).expect("its configuration");
        let log = fs::File::create(folder.join("log")).expect("its log");
        let started =
            Command::new("docker-registry").arg("serve").arg(&config).stdout(Stdio::null()).stderr(log).spawn();
        let child = started.unwrap_or_else(|error| needs("docker-registry", "docker-registry", &error));
        let server = Self { host, authority, private, child, folder };
        server.wait(port);
        server
    }

    fn wait(&self, port: u16) {
        let begun = Instant::now();
        while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err() {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(20), "docker-registry does not listen: {}", log());
            sleep(Duration::from_millis(20));
        }
    }

    /// `HOST:PORT/NAME`.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Puts an image with this content under `name:tag`; returns the SHA-256 of its manifest as the registry has it.
    pub async fn push(&self, name: &str, tag: &str, content: &str) -> String {
        let client = Client::try_from(self.client()).expect("a client");
        let reference = Reference::with_tag(self.host.clone(), name.to_owned(), tag.to_owned());
        let auth = if self.private {
            RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned())
        } else {
            RegistryAuth::Anonymous
        };
        let layers = [ImageLayer::oci_v1(content.as_bytes().to_vec(), None)];
        let config = Config::oci_v1(b"{}".to_vec(), None);
        client.push(&reference, &layers, config, &auth, None).await.expect("pushed");
        let (manifest, _) = client.pull_manifest_raw(&reference, &auth, &[MANIFEST]).await.expect("pulled");
        let digest = ring::digest::digest(&ring::digest::SHA256, &manifest);
        let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{}", hex.concat())
    }

    fn client(&self) -> ClientConfig {
        let trusted = self
            .authority
            .iter()
            .map(|pem| Certificate { encoding: CertificateEncoding::Pem, data: pem.as_bytes().to_vec() });
        ClientConfig {
            protocol: if self.authority.is_some() { ClientProtocol::Https } else { ClientProtocol::Http },
            tls_certs_only: trusted.collect(),
            ..ClientConfig::default()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(folder: &Path, host: &str, secure: bool, private: bool) -> Value {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut config = json!({
        "version": 0.1,
        "log": { "level": "warn" },
        "storage": { "filesystem": { "rootdirectory": at("data") } },
        "http": { "addr": host },
    });
    if secure {
        config["http"]["tls"] = json!({ "certificate": at("leaf.pem"), "key": at("leaf.key") });
    }
    if private {
        fs::write(folder.join("htpasswd"), HTPASSWD).expect("its users");
        config["auth"] = json!({ "htpasswd": { "realm": "test", "path": at("htpasswd") } });
    }
    config
}

/// Makes an authority and a certificate of 127.0.0.1; returns the authority's own.
fn certify(folder: &Path) -> String {
    let openssl = |arguments: &str| {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        let made = made.unwrap_or_else(|error| needs("openssl", "openssl", &error));
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    };
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("{new} -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
    openssl(&format!("{new} -subj /CN=registry -keyout leaf.key -out leaf.csr"));
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("its names");
    openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out leaf.pem");
    fs::read_to_string(folder.join("ca.pem")).expect("made")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

fn needs(program: &str, package: &str, error: &std::io::Error) -> ! {
    let missing = error.kind() == ErrorKind::NotFound;
    assert!(!missing, "this test needs the program {program}: install Debian's package {package}, as `make test` does");
    panic!("cannot run {program}: {error}");
}
