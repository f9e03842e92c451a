//! Others' servers, and what they understood.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use front::process::{Place, Process};
use serde_json::Value;

/// The queue-proxy's app.
pub const APP_PORT: u16 = 3000;
/// The server behind another proxy.
const BEHIND: u16 = 3001;

/// A server behind our proxies.
#[derive(Debug, Clone, Copy)]
pub enum Server {
    /// Node's http module.
    Node,
    /// nginx before Node.
    Nginx,
    /// haproxy before Node.
    Haproxy,
    Gunicorn,
    Waitress,
    /// On h11.
    Uvicorn,
}

/// A server that runs, and the folder of its files.
#[derive(Debug)]
pub struct Backend {
    processes: Vec<Process>,
    folder: PathBuf,
}

/// What a server understood of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    pub method: String,
    pub target: String,
    pub body: String,
}

impl Backend {
    pub async fn start(server: Server) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("todoapp-garden-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut backend = Self { processes: Vec::new(), folder };
        std::fs::write(backend.log(), "")?;
        backend.open(server).await.with_context(|| format!("{server:?}"))?;
        Ok(backend)
    }

    async fn open(&mut self, server: Server) -> Result<()> {
        let bind = format!("127.0.0.1:{APP_PORT}");
        let config = self.folder.join("config");
        let path = config.to_str().context("a path in UTF-8")?.to_owned();
        match server {
            Server::Node => self.node(APP_PORT).await,
            Server::Nginx => {
                self.node(BEHIND).await?;
                std::fs::write(&config, nginx(&self.folder))?;
                self.run("nginx", &["-c", &path, "-e", "stderr"], APP_PORT).await
            }
            Server::Haproxy => {
                self.node(BEHIND).await?;
                std::fs::write(&config, haproxy())?;
                self.run("haproxy", &["-db", "-q", "-f", &path], APP_PORT).await
            }
            Server::Gunicorn => {
                let words = [
                    "-m",
                    "gunicorn",
                    "--log-level",
                    "critical",
                    "--keep-alive",
                    "60",
                    "-k",
                    "gthread",
                    "-b",
                    &bind,
                    "garden:wsgi",
                ];
                self.run("python", &words, APP_PORT).await
            }
            Server::Waitress => {
                let listen = format!("--listen={bind}");
                self.run("python", &["-m", "waitress", &listen, "garden:wsgi"], APP_PORT).await
            }
            Server::Uvicorn => {
                let port = APP_PORT.to_string();
                let words =
                    ["-m", "uvicorn", "--http", "h11", "--log-level", "critical", "--port", &port, "garden:asgi"];
                self.run("python", &words, APP_PORT).await
            }
        }
    }

    async fn node(&mut self, port: u16) -> Result<()> {
        let script = format!("{}/garden/node.js", env!("CARGO_MANIFEST_DIR"));
        self.run("node", &[&script], port).await
    }

    /// The servers find out of the environment where to listen and what to write.
    async fn run(&mut self, program: &str, words: &[&str], port: u16) -> Result<()> {
        let variables = [
            ("PORT", port.to_string()),
            ("GARDEN_LOG", self.log().display().to_string()),
            ("PYTHONPATH", format!("{}/garden", env!("CARGO_MANIFEST_DIR"))),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        let mut process = Process::start(Place::default(), program, words, &variables)?;
        process.listens(port).await?;
        self.processes.push(process);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What it understood since the last time.
    pub fn take(&self) -> Result<Vec<Understood>> {
        let text = std::fs::read_to_string(self.log())?;
        std::fs::write(self.log(), "")?;
        text.lines().map(|line| understood(line).with_context(|| line.to_owned())).collect()
    }

    pub async fn end(self) -> Result<()> {
        for process in self.processes {
            process.end().await?;
        }
        std::fs::remove_dir_all(self.folder).context("removing what the servers wrote")
    }
}

fn understood(line: &str) -> Result<Understood> {
    let record: Value = serde_json::from_str(line)?;
    let text = |field: &str| record[field].as_str().map(str::to_owned).context("a field");
    Ok(Understood { method: text("method")?, target: text("target")?, body: text("body")? })
}

fn nginx(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; user root; pid {folder}/pid; error_log stderr crit; events {{}}
        http {{
          access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
          fastcgi_temp_path {folder}/c; scgi_temp_path {folder}/d; uwsgi_temp_path {folder}/e;
          upstream node {{ server 127.0.0.1:{BEHIND}; keepalive 8; }}
          server {{
            listen 127.0.0.1:{APP_PORT};
            location / {{ proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
          }}
        }}"
    )
}

fn haproxy() -> String {
    format!(
        "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n http-reuse always\n\
         frontend garden\n bind 127.0.0.1:{APP_PORT}\n default_backend node\n\
         backend node\n server node 127.0.0.1:{BEHIND}\n"
    )
}
