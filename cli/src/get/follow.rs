//! `get --watch`: the page anew at each change, from what watches tell.

use std::fmt::Debug;
use std::io::Write;
use std::time::Duration;

use api::{Revision, TodoApp};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, select_all};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::runtime::reflector::{self, Store, reflector};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::model;
use crate::Error;
use crate::args::Get;
use crate::objects::scoped;
use crate::session::Session;
use crate::wait::refused;

/// Changes within this time make one page.
const SETTLE: Duration = Duration::from_millis(100);
/// On a terminal the page is drawn anew after this time at the latest, for its ages.
const REDRAW: Duration = Duration::from_secs(10);
/// Cursor to the first line, and nothing on the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// A kind of which something changed, and whether all of it is known now.
type Change = Result<(usize, bool), Error>;

/// Prints until nobody reads; on a terminal each page takes the place of the one before.
pub async fn run(session: &Session, args: &Get, terminal: bool, out: &mut impl Write) -> Result<(), Error> {
    let labels = Config::default().labels(&super::selector(args));
    let named = match &args.app {
        Some(app) => Config::default().fields(&format!("metadata.name={app}")),
        None => Config::default(),
    };
    let (apps, app_changes) = watched::<TodoApp>(session, args, 0, named);
    let (revisions, revision_changes) = watched::<Revision>(session, args, 1, labels.clone());
    let (pods, pod_changes) = watched::<Pod>(session, args, 2, labels);
    let mut changes = select_all([app_changes, revision_changes, pod_changes]);
    let (mut known, mut shown) = ([false; 3], String::new());
    loop {
        settled(&mut changes, terminal, &mut known).await?;
        if known != [true; 3] {
            continue;
        }
        let nodes = model::nodes(objects(&apps), objects(&revisions), objects(&pods));
        let page = super::page(&nodes, args, Timestamp::now());
        if page != shown {
            write!(out, "{}{page}", if terminal { CLEAR } else { "" })?;
            out.flush()?;
            shown = page;
        }
    }
}

/// The objects of a kind as they are, and a stream of their changes, which must be read.
fn watched<K>(session: &Session, args: &Get, kind: usize, config: Config) -> (Store<K>, BoxStream<'static, Change>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + Sync,
    K: 'static,
{
    let namespace = super::namespace(session, args).map(str::to_owned);
    let api = scoped::<K>(&session.client, namespace.as_deref());
    let (store, writer) = reflector::store();
    let changes = reflector(writer, watcher(api, config)).default_backoff().map(move |event| match event {
        Ok(event) => Ok((kind, matches!(event, Event::InitDone))),
        Err(error) => refused::<K>(namespace.as_deref().unwrap_or("*"), error).map(|()| (kind, false)),
    });
    (store, changes.boxed())
}

fn objects<K: Resource<DynamicType = ()> + Clone + 'static>(store: &Store<K>) -> Vec<K> {
    store.state().iter().map(|object| K::clone(object)).collect()
}

/// Waits for a change, or on a terminal for as long as ages may be old, and for those that come with it.
async fn settled(
    changes: &mut (impl futures_util::Stream<Item = Change> + Unpin),
    terminal: bool,
    known: &mut [bool; 3],
) -> Result<(), Error> {
    let far = Duration::from_hours(1);
    let mut until = Instant::now() + if terminal { REDRAW } else { far };
    let mut first = true;
    while let Ok(Some(change)) = timeout_at(until, changes.next()).await {
        let (kind, whole) = change?;
        known[kind] |= whole;
        if std::mem::take(&mut first) {
            until = Instant::now() + SETTLE;
        }
    }
    Ok(())
}
