//! From the command line to the verb.

use std::io::Write;

use api::rollout::ActionKind;

use crate::args::{Command, Target};
use crate::session::Session;
use crate::{Error, action, apply, check, completion, explain, get, logs, replay, traffic, wake};

/// Does what is asked and prints to `out`.
///
/// # Errors
/// Why it could not be done; what is known by then is printed.
pub fn run(command: Command, out: &mut impl Write) -> Result<(), Error> {
    let (kind, args) = match command {
        Command::Get(args) => return on(&args.target, async |session| get::run(&session, &args, out).await),
        Command::Traffic(args) => return on(&args.target, async |session| traffic::run(&session, &args, out).await),
        Command::Promote(args) => (ActionKind::Promote, args),
        Command::Abort(args) => (ActionKind::Abort, args),
        Command::Pause(args) => (ActionKind::Pause, args),
        Command::Resume(args) => (ActionKind::Resume, args),
        Command::Wake(args) => return on(&args.target, async |session| wake::run(&session, &args, out).await),
        Command::Logs(args) => return on(&args.target, async |session| logs::run(&session, &args, out).await),
        Command::Apply(args) => return on(&args.target, async |session| apply::run(&session, &args, out).await),
        Command::Check(args) => return on(&args.target, async |session| check::run(&session, &args, out).await),
        Command::Explain(args) => return on(&args.target, async |session| explain::run(&session, &args, out).await),
        Command::Replay(args) => return Ok(write!(out, "{}", replay::run(&args)?)?),
        Command::Completion { shell } => return Ok(out.write_all(&completion::script(shell))?),
    };
    on(&args.target, async |session| action::run(&session, kind, &args, out).await)
}

/// The work on a cluster.
fn on(target: &Target, work: impl AsyncFnOnce(Session) -> Result<(), Error>) -> Result<(), Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Error::Failed("a TLS provider was installed already".to_owned()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Failed(format!("no runtime: {error}")))?;
    runtime.block_on(async { work(Session::open(target).await?).await })
}
