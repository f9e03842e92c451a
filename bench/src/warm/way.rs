//! The ways to the app: which programs are between it and the load generator.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use front::process::{Place, Process};
use front::stack::{self, PUBLIC_PORT, SIDECAR_PORT, Sidecar};

use super::{LOAD_CORE, PROXY_CORE};

const APP_PORT: u16 = 3000;
/// Others' proxies listen here for HTTP/1, and on the next one for HTTP/2.
const OTHERS_PORT: u16 = 8100;

/// A way to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing between.
    Direct,
    /// nginx with one worker.
    Nginx,
    /// haproxy with one thread.
    Haproxy,
    /// Our queue-proxy.
    QueueProxy,
    /// Our activator, with the app in the queue-proxy's place.
    Activator,
    /// Our activator, and behind it our queue-proxy on the same core.
    Both,
    /// Knative's queue-proxy.
    KnativeQueueProxy,
}

impl Way {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Direct,
        Self::Nginx,
        Self::Haproxy,
        Self::QueueProxy,
        Self::Activator,
        Self::Both,
        Self::KnativeQueueProxy,
    ];

    /// What it is called in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::QueueProxy => "queue-proxy",
            Self::Activator => "activator",
            Self::Both => "both of ours",
            Self::KnativeQueueProxy => "Knative's queue-proxy",
        }
    }

    /// Starts what is on the way.
    ///
    /// # Errors
    /// One of the programs does not start.
    pub async fn open(self) -> Result<Open> {
        let (load, proxy) = (Place::core(LOAD_CORE), Place::core(PROXY_CORE));
        let app = stack::app(if self == Self::Activator { SIDECAR_PORT } else { APP_PORT }, load).await?;
        let mut open = Open { ports: [APP_PORT; 2], processes: vec![app], folder: None };
        match self {
            Self::Direct => {}
            Self::Nginx | Self::Haproxy => open.others(self, proxy).await?,
            Self::QueueProxy => {
                open.processes.push(Sidecar::start(APP_PORT, false, proxy).await?.process);
                open.ports = [SIDECAR_PORT; 2];
            }
            Self::Activator => {
                open.processes.push(stack::front(&["--pod", "127.0.0.1"], false, proxy).await?);
                open.ports = [PUBLIC_PORT; 2];
            }
            Self::Both => {
                open.processes.push(Sidecar::start(APP_PORT, false, proxy).await?.process);
                open.processes.push(stack::front(&["--pod", "127.0.0.1"], false, proxy).await?);
                open.ports = [PUBLIC_PORT; 2];
            }
            Self::KnativeQueueProxy => {
                let mut queue = Process::start(proxy, "queue", &[], &knative())?;
                queue.listens(SIDECAR_PORT).await?;
                open.processes.push(queue);
                open.ports = [SIDECAR_PORT; 2];
            }
        }
        Ok(open)
    }
}

/// A way that is open.
#[derive(Debug)]
pub struct Open {
    /// For HTTP/1 and HTTP/2.
    ports: [u16; 2],
    processes: Vec<Process>,
    folder: Option<PathBuf>,
}

impl Open {
    /// Where the load goes.
    pub fn port(&self, http2: bool) -> u16 {
        self.ports[usize::from(http2)]
    }

    async fn others(&mut self, way: Way, proxy: Place<'_>) -> Result<()> {
        let folder = std::env::temp_dir().join(format!("todoapp-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        self.folder = Some(folder.clone());
        let file = folder.join("config");
        let path = file.to_str().context("a path in UTF-8")?;
        let mut process = if way == Way::Nginx {
            std::fs::write(&file, nginx(&folder))?;
            Process::start(proxy, "nginx", &["-c", path, "-e", "stderr"], &[])?
        } else {
            std::fs::write(&file, haproxy())?;
            Process::start(proxy, "haproxy", &["-db", "-q", "-f", path], &[])?
        };
        process.listens(OTHERS_PORT).await?;
        self.processes.push(process);
        self.ports = [OTHERS_PORT, OTHERS_PORT + 1];
        Ok(())
    }

    /// Ends its programs, so that their ports are free.
    ///
    /// # Errors
    /// One cannot be waited for.
    pub async fn close(self) -> Result<()> {
        for process in self.processes {
            process.end().await?;
        }
        self.folder.map_or(Ok(()), std::fs::remove_dir_all).context("removing what was written for a proxy")
    }
}

/// One process, connections to the app kept, no log: as its manual has it for speed.
fn nginx(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1; user root; pid {folder}/pid; error_log stderr crit;
        events {{ worker_connections 8192; }}
        http {{
          access_log off; tcp_nodelay on; keepalive_requests 1000000000;
          client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
          scgi_temp_path {folder}/d; uwsgi_temp_path {folder}/e;
          upstream app {{ server 127.0.0.1:{APP_PORT}; keepalive 512; keepalive_requests 1000000000; }}
          server {{
            listen 127.0.0.1:{OTHERS_PORT}; listen 127.0.0.1:{} http2;
            location / {{
              proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\";
              proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
            }}
          }}
        }}",
        OTHERS_PORT + 1
    )
}

fn haproxy() -> String {
    format!(
        "global\n nbthread 1\n maxconn 8192\n\
         defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
         \x20option forwardfor\n http-reuse always\n\
         frontend load\n bind 127.0.0.1:{OTHERS_PORT}\n bind 127.0.0.1:{} proto h2\n default_backend app\n\
         backend app\n server app 127.0.0.1:{APP_PORT}\n",
        OTHERS_PORT + 1
    )
}

/// The environment that Knative's controller would give it.
fn knative() -> Vec<(&'static str, String)> {
    let probe = format!(r#"{{"tcpSocket":{{"port":{APP_PORT},"host":"127.0.0.1"}},"successThreshold":1}}"#);
    let port = SIDECAR_PORT.to_string();
    let fixed = [
        ("CONTAINER_CONCURRENCY", "0"),
        ("REVISION_TIMEOUT_SECONDS", "300"),
        ("QUEUE_SERVING_TLS_PORT", "8112"),
        ("SERVING_NAMESPACE", "default"),
        ("SERVING_CONFIGURATION", "app"),
        ("SERVING_REVISION", "app-00001"),
        ("SERVING_POD", "app-00001-pod"),
        ("SERVING_POD_IP", "127.0.0.1"),
        ("HOST_IP", "127.0.0.1"),
        ("SERVING_LOGGING_CONFIG", ""),
        ("SERVING_LOGGING_LEVEL", "fatal"),
        ("SYSTEM_NAMESPACE", "knative-serving"),
        ("METRICS_DOMAIN", "knative.dev/serving"),
    ];
    let given = [("USER_PORT", APP_PORT.to_string()), ("QUEUE_SERVING_PORT", port), ("SERVING_READINESS_PROBE", probe)];
    fixed.into_iter().map(|(name, value)| (name, value.to_owned())).chain(given).collect()
}
