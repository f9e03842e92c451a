//! The command `todoapp`.

use std::io::{Write, stdout};
use std::process::ExitCode;

use cli::args::{Cli, Command};
use cli::{Error, explain, replay};

fn main() -> ExitCode {
    let done = match Cli::of_process().command {
        Command::Explain(args) => connected(explain::run(args)),
        Command::Replay(args) => replay::run(&args),
    };
    match done {
        // Whoever closes the pipe has read enough.
        Ok(text) => stdout().write_all(text.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("todoapp: {error}");
            error.code().into()
        }
    }
}

fn connected(work: impl Future<Output = Result<String, Error>>) -> Result<String, Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Error::Failed("a TLS provider was installed already".to_owned()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Failed(format!("no runtime: {error}")))?.block_on(work)
}
