//! Other people's tools: kubectl, helm, promtool.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs a program and gives its standard output; a failure tells what it wrote.
pub async fn run(program: &str, arguments: &[&str]) -> Result<String> {
    run_with_input(program, arguments, "").await
}

/// The same, with text on its standard input.
pub async fn run_with_input(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{program} must be in PATH"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}: {stdout}{stderr}", arguments.join(" "), output.status);
    }
    Ok(stdout)
}
