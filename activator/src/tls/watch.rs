//! Watches the Secrets of some namespaces; each namespace by itself, for the rights are given one by one.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt as _, stream::select_all};
use kube::{Api, Client, runtime::watcher::Config};
use tokio::sync::oneshot;

use super::{Shelf, secret::LeanSecret};
use crate::{
    revision::Shared,
    watch::{Listing, Seen, facts},
};

/// Feeds the shelf until the process ends. `synced` is told when each namespace has been listed once.
pub(crate) async fn run(
    client: Client,
    namespaces: BTreeSet<String>,
    mut shelf: Shelf,
    shared: Arc<Shared>,
    synced: oneshot::Sender<()>,
) {
    let ours = || Config::default().fields("type=kubernetes.io/tls");
    let namespaces: Vec<String> = namespaces.into_iter().collect();
    let mut listings: Vec<Listing> = namespaces.iter().map(|_| Listing::default()).collect();
    let mut secrets = select_all(namespaces.iter().enumerate().map(|(place, namespace)| {
        let api = Api::<LeanSecret>::namespaced(client.clone(), namespace);
        facts(api, ours(), |secret| Some(secret.files()), &shared).map(move |seen| (place, seen)).boxed()
    }));
    let mut synced = Some(synced);
    while let Some((place, seen)) = secrets.next().await {
        let listing = &mut listings[place];
        match seen {
            Seen::Here(key, files) => shelf.here(key, files),
            Seen::Gone(key, _) => shelf.gone(&key),
            Seen::Listing => listing.begin(),
            Seen::Listed(key, files) => {
                listing.note(&key);
                shelf.here(key, files);
            }
            Seen::ListDone => shelf.keep(&namespaces[place], &listing.done()),
        }
        if !listing.is_under_way() {
            shelf.publish();
        }
        if listings.iter().all(Listing::is_whole)
            && let Some(synced) = synced.take()
        {
            // Nobody waits for it when the process is ending.
            let _ = synced.send(());
        }
    }
}
