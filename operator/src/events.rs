//! Events: one reason for each step that a user cares for.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder};
use tracing::{debug, warn};

/// Something to tell about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// One word in CamelCase; doubles as the action.
    pub reason: String,
    /// A sentence.
    pub text: String,
    /// A user should look.
    pub warning: bool,
}

impl Note {
    /// Something went as it should.
    pub fn normal(reason: impl Into<String>, text: impl Into<String>) -> Self {
        Self { reason: reason.into(), text: text.into(), warning: false }
    }

    /// A user should look.
    pub fn warning(reason: impl Into<String>, text: impl Into<String>) -> Self {
        Self { reason: reason.into(), text: text.into(), warning: true }
    }
}

/// Writes the notes; an Event that cannot be written is no reason to fail.
pub async fn publish(recorder: &Recorder, about: &ObjectReference, notes: Vec<Note>) {
    for note in notes {
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            action: note.reason.clone(),
            reason: note.reason,
            note: Some(note.text),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, about).await {
            // A namespace that is going takes no Events, and nobody would read them.
            let going = matches!(&error, kube::Error::Api(status) if status.is_forbidden());
            let reason = event.reason;
            if going {
                debug!(%error, reason, "cannot write an Event");
            } else {
                warn!(%error, reason, "cannot write an Event");
            }
        }
    }
}
