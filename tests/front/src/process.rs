//! A program of ours or of others that runs as long as its [`Process`].

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::http::Target;
use e2e::wait_for;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A program that does not answer by then has failed to start.
const START: Duration = Duration::from_secs(20);

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program with these variables. What it writes goes where our own output goes.
    ///
    /// # Errors
    /// There is no such program.
    pub fn start<A: AsRef<OsStr>>(program: &str, arguments: &[A], variables: &[(&str, String)]) -> Result<Self> {
        Self::start_on(None, program, arguments, variables)
    }

    /// The same, kept to one core if one is named.
    ///
    /// # Errors
    /// There is no such program.
    pub fn start_on<A: AsRef<OsStr>>(
        core: Option<usize>,
        program: &str,
        arguments: &[A],
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let program = ours(program).into_os_string();
        let mut command = match core {
            Some(core) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", &core.to_string()]).arg(&program);
                taskset
            }
            None => Command::new(&program),
        };
        command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn();
        Ok(Self { child: child.with_context(|| format!("starting {}", program.display()))? })
    }

    /// Process id; none once it was waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for a port that accepts connections.
    ///
    /// # Errors
    /// The process ended, or does not listen in time.
    pub async fn listens(&mut self, port: u16) -> Result<()> {
        let what = format!("somebody at port {port}");
        let listens = wait_for(&what, START, || async { Ok(TcpStream::connect(("127.0.0.1", port)).await.map(drop)?) });
        self.unless_ended(listens).await
    }

    /// Waits for `/ready` of an admin port.
    ///
    /// # Errors
    /// The process ended, or is not ready in time.
    pub async fn is_ready(&mut self, admin_port: u16) -> Result<()> {
        let what = format!("/ready at port {admin_port}");
        let ready = wait_for(&what, START, || async {
            Target::at(([127, 0, 0, 1], admin_port).into()).get("/ready").await?.expect(200).map(drop)
        });
        self.unless_ended(ready).await
    }

    async fn unless_ended(&mut self, wait: impl Future<Output = Result<()>>) -> Result<()> {
        tokio::select! {
            waited = wait => waited,
            ended = self.child.wait() => anyhow::bail!("the process ended: {}", ended?),
        }
    }

    /// Kills it and waits for its end, so that its ports are free.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn end(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Resident memory in bytes, as the kernel counts it.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> Result<u64> {
        let id = self.id().context("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("VmRSS: {line}"))?;
        ensure!(kib > 0, "VmRSS is 0");
        Ok(kib * 1024)
    }
}

/// A program of this workspace lies beside the one that runs, or a folder higher if that is a test; others are in PATH.
fn ours(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let built = own.ancestors().skip(1).take(2).map(|folder| folder.join(program));
    built.into_iter().find(|path| path.is_file()).unwrap_or_else(|| program.into())
}
