//! Waiting until something is so of an app.

use api::TodoApp;
use futures_util::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Error as WatchError, watch_object};
use kube::{Api, Resource};
use tokio::time::{Instant, timeout_at};

use crate::Error;
use crate::objects::{denied, no_app};
use crate::session::Session;

/// Looks at each state of the app until `judge` has a verdict. At the deadline `late` says what is missing of the last
/// one that was seen.
pub async fn until<T>(
    session: &Session,
    name: &str,
    deadline: Instant,
    mut judge: impl FnMut(&TodoApp) -> Option<Result<T, Error>>,
    late: impl FnOnce(Option<&TodoApp>) -> String,
) -> Result<T, Error> {
    let api = Api::<TodoApp>::namespaced(session.client.clone(), &session.namespace);
    let mut states = watch_object(api, name).default_backoff().boxed();
    let mut last = None;
    while let Ok(Some(state)) = timeout_at(deadline, states.next()).await {
        match state {
            Ok(Some(app)) => match judge(&app) {
                Some(verdict) => return verdict,
                None => last = Some(app),
            },
            Ok(None) => return Err(no_app(&session.namespace, name)),
            Err(error) => refused::<TodoApp>(&session.namespace, error)?,
        }
    }
    Err(Error::TimedOut(late(last.as_ref())))
}

/// A right or a kind that is missing does not come by waiting; for what else breaks a watch there is another one.
pub fn refused<K: Resource<DynamicType = ()>>(namespace: &str, error: WatchError) -> Result<(), Error> {
    let (verb, error) = match error {
        WatchError::InitialListFailed(error) => ("list", error),
        WatchError::WatchStartFailed(error) => ("watch", error),
        _ => return Ok(()),
    };
    match &error {
        kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404) => Err(denied::<K>(verb, namespace, &error)),
        _ => Ok(()),
    }
}
