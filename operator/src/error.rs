//! What can go wrong while reconciling, and what each class means for the next try.

use std::time::Duration;

/// A failure with the verb and the object it concerns.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not do as asked.
    #[error("{verb} {object}: {}", told(source))]
    Api {
        /// What was tried.
        verb: &'static str,
        /// Kind, namespace and name.
        object: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// An object of the name we need belongs to somebody else.
    #[error("{kind} '{name}' exists and does not belong to {owner}: rename the app or delete that {kind}")]
    Taken {
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
        /// Who needs the name.
        owner: String,
    },
    /// A stored object cannot be put to use.
    #[error("{0}")]
    Invalid(String),
    /// No port is left for another app.
    #[error("all {0} in-cluster ports are taken: delete apps or tags that are not used")]
    PortsExhausted(usize),
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Try again, later each time.
    Transient,
    /// What was read is old: read again at once.
    Conflict,
    /// The object, or its namespace, is gone or going: nothing is left to do.
    Gone,
    /// A person has to change something; an event of that object brings it back.
    Invalid,
}

impl Error {
    /// Names the call that failed.
    pub fn api(verb: &'static str, object: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let object = object.into();
        move |source| Self::Api { verb, object, source: Box::new(source) }
    }

    /// Status code of the API server's answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_gone(&self) -> bool {
        let Self::Api { source, .. } = self else { return false };
        let kube::Error::Api(status) = source.as_ref() else { return false };
        let terminating = |c: &kube::core::response::StatusCause| c.reason == "NamespaceTerminating";
        status.code == 404 || status.details.iter().flat_map(|d| &d.causes).any(terminating)
    }

    /// Decides retry, log level and metric label.
    pub fn class(&self) -> Class {
        if self.is_gone() {
            return Class::Gone;
        }
        match (self, self.code()) {
            (Self::Taken { .. } | Self::Invalid(_) | Self::PortsExhausted(_), _) | (_, Some(400 | 403 | 422)) => {
                Class::Invalid
            }
            (_, Some(409)) => Class::Conflict,
            _ => Class::Transient,
        }
    }
}

/// What the API server said, without the answer's other fields.
pub fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

impl Class {
    /// Metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Invalid => "invalid",
        }
    }

    /// Wait before try number `attempt` (from 0); jitter is the caller's.
    pub fn delay(self, attempt: u32) -> Duration {
        match self {
            Self::Conflict => Duration::from_millis(50 << attempt.min(6)),
            // Its last event comes; should it come back under the same name, that is an event too.
            Self::Gone => Duration::from_mins(1),
            Self::Transient => Duration::from_millis(200 << attempt.min(7)),
            // A quota may be raised or a foreign object be deleted without an event that we see.
            Self::Invalid => Duration::from_secs(30),
        }
    }
}
