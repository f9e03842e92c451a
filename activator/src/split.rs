//! Who gets the requests of an app: one revision, or several by their shares.

mod sticky;
mod turns;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

pub(crate) use sticky::Sticky;
use turns::Turns;

use crate::{revision::Revision, table::key::Key};

/// A revision and its share in percent.
pub(crate) type Share = (Arc<Revision>, u32);

/// Shares of an app's revisions.
#[derive(Debug)]
pub(crate) enum Split {
    Nobody,
    /// As nearly always: then there are no turns to be kept.
    One(Share),
    Many(Box<Turns>),
}

impl Split {
    /// A split of shares above 0, each of another revision; goes on with the turns of `last`.
    pub(crate) fn new(mut shares: Vec<Share>, last: Option<&Self>) -> Self {
        let last = last.and_then(|last| match last {
            Self::Many(turns) => Some(&**turns),
            _ => None,
        });
        match shares.len() {
            0 => Self::Nobody,
            1 => Self::One(shares.remove(0)),
            _ => Self::Many(Box::new(Turns::new(shares, last))),
        }
    }

    /// Who serves a request of `app` with these headers, and what its client is told to come back with; `None` when nobody
    /// has a share.
    pub(crate) fn choose(
        &self,
        app: &Key,
        sticky: Option<&Sticky>,
        headers: &HeaderMap,
    ) -> Option<(&Arc<Revision>, Option<HeaderValue>)> {
        match self {
            Self::Nobody => None,
            Self::One((revision, _)) => Some((revision, None)),
            Self::Many(turns) => match sticky.and_then(|sticky| sticky.client(app, headers)) {
                Some(client) => Some((&client.choose(&turns.shares).0, client.cookie)),
                None => Some((turns.next(), None)),
            },
        }
    }

    /// Revisions and their percentages.
    pub(crate) fn shares(&self) -> &[Share] {
        match self {
            Self::Nobody => &[],
            Self::One(share) => std::slice::from_ref(share),
            Self::Many(turns) => &turns.shares,
        }
    }

    /// For `/debug/state`.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let share =
            |(revision, percent): &Share| serde_json::json!({"revision": revision.key.name(), "percent": percent});
        self.shares().iter().map(share).collect()
    }
}
