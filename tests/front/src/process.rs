//! A program of ours or of others that runs as long as its [`Process`].

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::http::Target;
use e2e::wait_for;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A program that does not answer by then has failed to start.
const START: Duration = Duration::from_secs(20);

/// A killed process is gone within milliseconds; five seconds in all.
const END_LOOKS: usize = 1000;
const END_PAUSE: Duration = Duration::from_millis(5);

/// In a second, on every architecture that we run on (`getconf CLK_TCK`).
const TICKS: u32 = 100;

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

/// Where a program runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// On this core alone.
    pub core: Option<usize>,
    /// In this control group, whose folder it is, from the first instruction.
    pub group: Option<&'a Path>,
    /// With so many file descriptors at most.
    pub descriptors: Option<u32>,
    /// With this file as `/etc/resolv.conf`.
    pub resolver: Option<&'a Path>,
}

impl Place<'_> {
    /// On one core.
    pub const fn core(core: usize) -> Self {
        Self { core: Some(core), group: None, descriptors: None, resolver: None }
    }

    /// What stands before a command so that it runs there.
    fn prefix(self) -> Vec<OsString> {
        let enter = r#"echo $$ >"$0"/cgroup.procs && exec "$@""#;
        let group = self.group.map(|group| ["sh".into(), "-c".into(), enter.into(), group.into()]);
        let core = self.core.map(|core| ["taskset".into(), "-c".into(), core.to_string().into()]);
        let bounded = self.descriptors.map(|most| ["prlimit".into(), format!("--nofile={most}").into()]);
        let mount = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;
        let asks = self.resolver.map(|file| {
            ["unshare".into(), "--mount".into(), "sh".into(), "-c".into(), mount.into(), file.as_os_str().to_owned()]
        });
        let words = group.into_iter().flatten().chain(core.into_iter().flatten());
        words.chain(asks.into_iter().flatten()).chain(bounded.into_iter().flatten()).collect()
    }
}

impl Process {
    /// Starts a program with these variables. All that it writes goes to our standard error: the standard output is the
    /// caller's own, such as a benchmark's table.
    ///
    /// # Errors
    /// There is no such program.
    pub fn start(place: Place<'_>, program: &str, arguments: &[&str], variables: &[(&str, String)]) -> Result<Self> {
        let words = place.prefix().into_iter().chain([ours(program).into_os_string()]);
        let words: Vec<OsString> = words.chain(arguments.iter().map(OsString::from)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(variables.iter().map(|(name, value)| (name, value)));
        let errors = std::io::stderr().as_fd().try_clone_to_owned().context("our standard error")?;
        let child = command.stdin(Stdio::null()).stdout(errors).kill_on_drop(true).spawn();
        Ok(Self { child: child.with_context(|| format!("starting {words:?}"))? })
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

    /// Time that it has had a CPU, as the kernel counts it.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> Result<Duration> {
        let id = self.id().context("the process has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name in brackets may have spaces; after it, user and system time are the 12th and 13th field (proc(5)).
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        let ticks = fields.map(str::parse::<u32>).sum::<Result<u32, _>>().with_context(|| format!("stat: {stat}"))?;
        Ok(Duration::from_secs(1) * ticks / TICKS)
    }

    /// Threads that it has.
    ///
    /// # Errors
    /// It has ended.
    pub fn threads(&self) -> Result<usize> {
        self.status("Threads:")?.trim().parse().context("Threads")
    }

    /// The rest of a line of `/proc/ID/status`.
    fn status(&self, name: &str) -> Result<String> {
        let id = self.id().context("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_owned).with_context(|| format!("no {name}"))
    }

    /// Resident memory in bytes, as the kernel counts it.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> Result<u64> {
        let line = self.status("VmRSS:")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("VmRSS: {line}"))?;
        ensure!(kib > 0, "VmRSS is 0");
        Ok(kib * 1024)
    }
}

/// Whoever starts the next one needs its ports, so the end is waited for.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        for _ in 0..END_LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(END_PAUSE);
        }
    }
}

/// A program of this workspace lies beside the one that runs, or a folder higher if that is a test; others are in PATH.
fn ours(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let built = own.ancestors().skip(1).take(2).map(|folder| folder.join(program));
    built.into_iter().find(|path| path.is_file()).unwrap_or_else(|| program.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "listening on port 3000";

    /// Only for the next test, which looks at where this one's output goes.
    #[tokio::test]
    #[ignore = "part of another test"]
    async fn starts_a_program_that_prints() {
        let mut echo = Process::start(Place::default(), "echo", &[SAID], &[]).expect("echo");
        echo.child.wait().await.expect("its end");
    }

    #[test]
    fn what_a_program_prints_is_not_part_of_our_output() {
        let name = "process::tests::starts_a_program_that_prints";
        let mut again = std::process::Command::new(std::env::current_exe().expect("this program"));
        let output = again.args(["--exact", name, "--ignored", "--nocapture"]).output().expect("this program again");
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(out.contains("1 passed"), "{out}{err}");
        assert!(!out.contains(SAID), "{out}");
        assert!(err.contains(SAID), "{err}");
    }
}
