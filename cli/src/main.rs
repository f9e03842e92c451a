//! The command `todoapp`.

use std::io::stdout;
use std::process::ExitCode;

use cli::Error;
use cli::args::Cli;

fn main() -> ExitCode {
    match cli::run(Cli::of_process().command, &mut stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error != Error::Closed {
                eprintln!("todoapp: {error}");
            }
            error.code().into()
        }
    }
}
