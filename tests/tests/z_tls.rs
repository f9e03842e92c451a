//! HTTPS at the public door, as a user meets it: a Secret, and curl. Runs alone: it changes the installation.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::app::host;
use e2e::cluster::{Cluster, Component, service_address};
use e2e::command::run;
use e2e::http::Target;
use e2e::installation::Installation;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

/// From a changed Secret to the certificate that is shown.
const RELOAD: Duration = Duration::from_secs(10);

/// A certificate that signed itself, as files.
struct Certificate {
    folder: String,
}

impl Certificate {
    async fn make(space: &Space, generation: u32, name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{}-{generation}", space.name)).display().to_string();
        tokio::fs::create_dir(&folder).await?;
        let this = Self { folder };
        let (key, certificate, names) = (this.file("key"), this.file("crt"), format!("subjectAltName=DNS:{name}"));
        let kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let written = ["-keyout", &key, "-out", &certificate, "-subj", "/CN=test", "-addext", &names];
        run("openssl", &[&kind[..], &written].concat()).await?;
        Ok(this)
    }

    fn file(&self, kind: &str) -> String {
        format!("{}/tls.{kind}", self.folder)
    }

    /// Puts it into the Secret `web`.
    async fn put(&self, space: &Space) -> Result<()> {
        let (certificate, key) =
            (std::fs::read_to_string(self.file("crt"))?, std::fs::read_to_string(self.file("key"))?);
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "web" }, "type": "kubernetes.io/tls",
            "stringData": { "tls.crt": certificate, "tls.key": key } });
        space.api::<Secret>().patch("web", &PatchParams::apply("e2e").force(), &Patch::Apply(secret)).await?;
        Ok(())
    }

    /// GETs `/` over TLS, trusting this certificate alone: the version of HTTP and the status.
    async fn curl(&self, host: &str, door: SocketAddr) -> Result<String> {
        let (to, url) = (format!("{host}:443:{}", door.ip()), format!("https://{host}/"));
        let told = ["--write-out", "%{http_version} %{http_code}", "--output", "/dev/null", "--silent", "--show-error"];
        let trust = self.file("crt");
        let asked = ["--max-time", "60", "--cacert", &trust, "--resolve", &to, &url];
        run("curl", &[&told[..], &asked].concat()).await
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_makes_an_app_answer_over_tls_and_a_new_one_is_used_at_once() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let installation = Installation::find(&space.cluster).await?;
        let namespaces = format!("activator.tls.namespaces={{{}}}", space.name);
        let on = ["activator.tls.enabled=true", "activator.tls.redirect=true", "publicScheme=https", &namespaces];
        installation.set(&on).await?;
        let outcome = over_tls(&space).await;
        let off = [
            "activator.tls.enabled=false",
            "activator.tls.redirect=false",
            "activator.tls.namespaces=null",
            "publicScheme=http",
        ];
        installation.set(&off).await?;
        outcome
    })
    .await;
}

async fn over_tls(space: &Space) -> Result<()> {
    let app = App::new("web").asleep(space).await?;
    let name = host(&app)?;
    let url = app.status.as_ref().and_then(|status| status.url.clone());
    ensure!(url == Some(format!("https://{name}")), "{url:?}");
    let door = service_address(&space.client(), &space.cluster.system, "todoapp-activator", 443).await?;
    let first = Certificate::make(space, 1, &name).await?;
    let refused = first.curl(&name, door).await.err().context("a handshake without any certificate")?;
    ensure!(refused.to_string().contains("unrecognized name"), "{refused:#}");

    first.put(space).await?;
    let woken = wait_for("an answer over TLS", RELOAD, || first.curl(&name, door)).await?;
    ensure!(woken == "2 200", "{woken}");
    let stranger = first.curl(&format!("other.{name}"), door).await;
    ensure!(stranger.is_err(), "a name that no certificate has: {stranger:?}");

    let plain = space.target(&app).await?.get("/a?b").await?.expect(308)?;
    ensure!(plain.header("location") == format!("https://{name}/a?b"), "{plain:?}");
    let unknown = Target::named(space.cluster.gateway().await?, "nobody.example").get("/").await?.expect(404)?;
    ensure!(unknown.header("todoapp-error") == "no-route", "{unknown:?}");

    let before = processes(space).await?;
    let second = Certificate::make(space, 2, &name).await?;
    second.put(space).await?;
    wait_for("the new certificate", RELOAD, || second.curl(&name, door)).await?;
    // Every activator has it, and none shows the old one.
    for _ in 0..10 {
        second.curl(&name, door).await?;
    }
    ensure!(first.curl(&name, door).await.is_err(), "the old certificate is still shown");
    ensure!(before == processes(space).await?, "an activator was restarted");
    Ok(())
}

/// Each activator with how often it was started again.
async fn processes(space: &Space) -> Result<Vec<(String, i32)>> {
    let restarts = |pod: &Pod| {
        pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten()).map(|c| c.restart_count).sum()
    };
    let mut all: Vec<_> =
        space.cluster.pods(Component::Activator).await?.iter().map(|pod| (pod.name_any(), restarts(pod))).collect();
    all.sort();
    Ok(all)
}
