//! Activator and queue-proxy, put together as in a cluster.

use anyhow::Result;

use crate::process::{Place, Process};

/// Public port of the activator.
pub const PUBLIC_PORT: u16 = 8080;
/// Admin port of the activator.
pub const ADMIN_PORT: u16 = 9090;
/// Traffic port of the queue-proxy.
pub const SIDECAR_PORT: u16 = api::labels::SIDECAR_PORT;

/// A queue-proxy before an app.
#[derive(Debug)]
pub struct Sidecar {
    /// Its process.
    pub process: Process,
}

impl Sidecar {
    /// Starts it and waits until the app behind it answers.
    ///
    /// # Errors
    /// It does not become ready: most likely the app does not listen.
    pub async fn start(app_port: u16, h2c: bool, place: Place<'_>) -> Result<Self> {
        Self::start_with(app_port, h2c, place, "").await
    }

    /// The same with a hub, `host:port`.
    ///
    /// # Errors
    /// As above.
    pub async fn start_with(app_port: u16, h2c: bool, place: Place<'_>, hub: &str) -> Result<Self> {
        let variables = [
            ("TODOAPP_HUB", hub.to_owned()),
            ("TODOAPP_KEY", "ab".repeat(32)),
            ("TODOAPP_REVISION", "default/app-00001".to_owned()),
            ("TODOAPP_REVISION_UID", "uid".to_owned()),
            ("HOSTNAME", "app-00001-pod".to_owned()),
            ("TODOAPP_APP_PORT", app_port.to_string()),
            ("TODOAPP_PROTOCOL", if h2c { "h2c" } else { "http1" }.to_owned()),
            ("TODOAPP_LOG", "warn".to_owned()),
        ];
        let mut process = Process::start(place, "queue-proxy", &[], &variables)?;
        process.is_ready(api::labels::SIDECAR_ADMIN_PORT).await?;
        Ok(Self { process })
    }
}

/// The activator, and behind it a queue-proxy, and behind that an app of the caller's.
#[derive(Debug)]
pub struct Stack {
    /// The activator's process.
    pub front: Process,
    /// The queue-proxy's.
    pub sidecar: Sidecar,
}

impl Stack {
    /// Starts both, once the app listens at this port.
    ///
    /// # Errors
    /// One of them does not become ready.
    pub async fn start(app_port: u16, h2c: bool) -> Result<Self> {
        let sidecar = Sidecar::start(app_port, h2c, Place::default()).await?;
        let front = front(&["--pod", "127.0.0.1"], h2c, Place::default()).await?;
        Ok(Self { front, sidecar })
    }

    /// Ends both, so that their ports are free.
    ///
    /// # Errors
    /// They cannot be waited for.
    pub async fn end(self) -> Result<()> {
        self.front.end().await?;
        self.sidecar.process.end().await
    }
}

/// Starts the activator with these flags and waits until its routing table is complete.
///
/// # Errors
/// It does not become ready.
pub async fn front(flags: &[&str], h2c: bool, place: Place<'_>) -> Result<Process> {
    let mut arguments = vec!["--pod-name", "front"];
    if !flags.contains(&"--hub") {
        arguments.extend(["--hub", "127.0.0.1:9"]);
    }
    arguments.extend(flags);
    arguments.extend(h2c.then_some("--h2c"));
    let mut process = Process::start(place, "front", &arguments, &[])?;
    process.is_ready(ADMIN_PORT).await?;
    Ok(process)
}

/// The test application on this port.
///
/// # Errors
/// It does not listen.
pub async fn app(port: u16, place: Place<'_>) -> Result<Process> {
    let mut process = Process::start(place, "todoapp-testapp", &[], &[("PORT", port.to_string())])?;
    process.listens(port).await?;
    Ok(process)
}
