//! What ends a command, and with which exit code.

/// The exit codes, for `--help`.
pub const CODES: &str = "Exit codes: 0 done, 1 failed or `check` found an error, 2 wrong arguments or files, \
                         3 what was named is not there, 4 not so within the time";

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// What was given is wrong: exit code 2, as for a wrong flag.
    #[error("{0}")]
    Input(String),
    /// What was named is not there: exit code 3.
    #[error("{0}")]
    NotFound(String),
    /// It is not so within the time that there was: exit code 4.
    #[error("{0}")]
    TimedOut(String),
    /// Whoever reads the output has read enough: exit code 1, and nothing is said.
    #[error("nobody reads the output any more")]
    Closed,
}

impl Error {
    /// Exit code of the process.
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Closed => 1,
            Self::Input(_) => 2,
            Self::NotFound(_) => 3,
            Self::TimedOut(_) => 4,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(format!("cannot print: {error}")),
        }
    }
}
