//! What ends a command, and with which exit code.

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// What was given is wrong: exit code 2, as for a wrong flag.
    #[error("{0}")]
    Input(String),
}

impl Error {
    /// Exit code of the process.
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Input(_) => 2,
        }
    }
}
