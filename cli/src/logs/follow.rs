//! `logs --follow`: pods come and go, each is read as long as it has something to say.

use std::collections::HashMap;
use std::io::Write;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::Api;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};

use super::source::{Piece, pieces};
use super::{choose, note, params, selector};
use crate::Error;
use crate::args::Logs;
use crate::session::Session;
use crate::wait::refused;

/// Pods that are followed at a time.
const FOLLOWED_MAX: usize = 500;

/// Prints until nobody reads.
pub async fn run(session: &Session, args: &Logs, out: &mut impl Write) -> Result<(), Error> {
    let api = Api::<Pod>::namespaced(session.client.clone(), &session.namespace);
    let mut changes = watcher(api.clone(), Config::default().labels(&selector(args))).default_backoff().boxed();
    let mut followed = Followed { api, args: args.clone(), lives: HashMap::new(), logs: SelectAll::new() };
    loop {
        tokio::select! {
            Some(change) = changes.next() => match change {
                Ok(Event::InitApply(pod)) => followed.see(&pod, args.tail)?,
                // Of a pod that comes nothing is old.
                Ok(Event::Apply(pod)) => followed.see(&pod, None)?,
                Ok(Event::Delete(pod)) => drop(followed.lives.remove(&pod.uid().unwrap_or_default())),
                Ok(Event::Init | Event::InitDone) => {}
                Err(error) => refused::<Pod>(&session.namespace, error)?,
            },
            Some(piece) = followed.logs.next(), if !followed.logs.is_empty() => match piece {
                Ok(lines) => {
                    out.write_all(&lines)?;
                    out.flush()?;
                }
                Err(why) => note(&why),
            },
        }
    }
}

struct Followed {
    api: Api<Pod>,
    args: Logs,
    /// UID of a pod, and the life of its container that is read.
    lives: HashMap<String, String>,
    logs: SelectAll<BoxStream<'static, Piece>>,
}

impl Followed {
    /// Reads a pod's container once in each of its lives.
    fn see(&mut self, pod: &Pod, tail: Option<i64>) -> Result<(), Error> {
        let container = choose::container(pod, self.args.container.as_deref()).map_err(Error::NotFound)?;
        let Some(life) = choose::life(pod, &container) else { return Ok(()) };
        let uid = pod.uid().unwrap_or_default();
        if self.lives.get(&uid) == Some(&life) {
            return Ok(());
        }
        if self.logs.len() >= FOLLOWED_MAX || self.lives.len() >= FOLLOWED_MAX {
            note(&format!("pod {}: not followed: there are {FOLLOWED_MAX} already", pod.name_any()));
            return Ok(());
        }
        self.lives.insert(uid, life);
        let params = kube::api::LogParams { tail_lines: tail, ..params(&self.args, container) };
        self.logs.push(pieces(self.api.clone(), pod.name_any(), params));
        Ok(())
    }
}
