//! Events: one reason for each step that a user cares for.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use api::labels::MANAGER;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::clock::Clock;

/// The same about the same object is not told again within this time.
const SAME_AGAIN: Duration = Duration::from_mins(5);
/// So many of those told last are remembered.
const REMEMBERED: usize = 256;
/// Longest note that the API server takes, in bytes.
const NOTE_MAX: usize = 1024;

/// Something to tell about an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// Writes Events.
pub struct Reporter {
    client: kube::Client,
    pod: String,
    clock: Clock,
    told: Mutex<Told>,
}

impl Reporter {
    /// Speaks for the operator in this pod.
    pub fn new(client: kube::Client, pod: String, clock: Clock) -> Self {
        Self { client, pod, clock, told: Mutex::default() }
    }

    /// Writes the notes; an Event that cannot be written is no reason to fail.
    pub async fn publish(&self, about: &ObjectReference, notes: Vec<Note>) {
        for note in notes {
            if !self.told.lock().is_news(about, &note, Instant::now()) {
                continue;
            }
            let event = event(about, &note, &self.pod, self.clock.now());
            let api: Api<Event> = Api::namespaced(self.client.clone(), about.namespace.as_deref().unwrap_or("default"));
            if let Err(error) = api.create(&PostParams::default(), &event).await {
                // A namespace that is going takes no Events, and nobody would read them.
                let going = matches!(&error, kube::Error::Api(status) if status.is_forbidden());
                let reason = note.reason;
                if going {
                    debug!(%error, reason, "cannot write an Event");
                } else {
                    warn!(%error, reason, "cannot write an Event");
                }
            }
        }
    }
}

fn event(about: &ObjectReference, note: &Note, pod: &str, now: Timestamp) -> Event {
    let name = about.name.as_deref().unwrap_or(MANAGER);
    Event {
        metadata: ObjectMeta {
            // As all who write Events name them: the object and the time, in hexadecimal.
            name: Some(format!("{name}.{:x}", now.as_nanosecond())),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        action: Some(note.reason.clone()),
        event_time: Some(MicroTime(now)),
        note: Some(bounded(&note.text)),
        reason: Some(note.reason.clone()),
        regarding: Some(about.clone()),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(pod.to_owned()),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(NOTE_MAX)].to_owned()
}

/// Hashes of what was told last, oldest first.
#[derive(Debug, Default)]
struct Told(VecDeque<(u64, Instant)>);

impl Told {
    /// Whether this was not told just now; from then on it was.
    fn is_news(&mut self, about: &ObjectReference, note: &Note, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        (&about.kind, &about.uid, note).hash(&mut hasher);
        let hash = hasher.finish();
        self.0.retain(|(_, at)| now.saturating_duration_since(*at) < SAME_AGAIN);
        if self.0.iter().any(|(told, _)| *told == hash) {
            return false;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((hash, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(uid: &str) -> ObjectReference {
        ObjectReference {
            name: Some("shop".into()),
            namespace: Some("market".into()),
            uid: Some(uid.into()),
            ..Default::default()
        }
    }

    #[test]
    fn the_same_again_is_no_news_until_some_minutes_have_passed() {
        let (mut told, begin) = (Told::default(), Instant::now());
        let note = Note::warning("ImagePullBackOff", "no such image");
        assert!(told.is_news(&about("u"), &note, begin));
        assert!(!told.is_news(&about("u"), &note, begin + SAME_AGAIN / 2));
        assert!(told.is_news(&about("v"), &note, begin), "another object");
        assert!(told.is_news(&about("u"), &Note::warning("ImagePullBackOff", "other"), begin), "another text");
        assert!(told.is_news(&about("u"), &note, begin + SAME_AGAIN));
    }

    #[test]
    fn what_was_told_is_remembered_within_bounds() {
        let (mut told, begin) = (Told::default(), Instant::now());
        for n in 0..2 * REMEMBERED {
            assert!(told.is_news(&about(&n.to_string()), &Note::normal("Awake", "1 pods ready"), begin));
        }
        assert_eq!(told.0.len(), REMEMBERED);
    }

    #[test]
    fn an_event_is_about_its_object_and_says_who_reports() {
        let note = Note::warning("ImagePullBackOff", "ä".repeat(NOTE_MAX));
        let event = event(&about("u"), &note, "operator-0", Timestamp::UNIX_EPOCH);
        assert_eq!(event.metadata.name.as_deref(), Some("shop.0"));
        assert_eq!(event.metadata.namespace.as_deref(), Some("market"));
        assert_eq!(event.reporting_controller.as_deref(), Some("todoapp-operator"));
        assert_eq!(event.reporting_instance.as_deref(), Some("operator-0"));
        assert_eq!((event.type_.as_deref(), event.action.as_deref()), (Some("Warning"), Some("ImagePullBackOff")));
        assert_eq!(event.note.map(|n| n.len()), Some(NOTE_MAX));
        assert_eq!(event.regarding, Some(about("u")));
    }
}
