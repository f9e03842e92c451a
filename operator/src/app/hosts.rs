//! Who has which public host. Generated hosts come before apps' own ones, so that nobody can take a name that another
//! app is going to get; of two claims the older app's wins. The activators decide by the same order.

use std::collections::{BTreeMap, BTreeSet};

use api::{TodoApp, Visibility};
use kube::ResourceExt;
use policy::Hosts;

use super::traffic::Target;
use crate::cluster::Stores;
use crate::context::Context;
use crate::hosts::HostBook;
use crate::store::Key;

/// A claim on a host; the least of all claims has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// One of `spec.ingress.hosts`.
    own: bool,
    /// When the app was created, in seconds since 1970.
    created: i64,
    /// `NAMESPACE/NAME`.
    app: String,
}

/// Public hosts of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The generated one; none when it is not public, or has no such host.
    pub app: Option<String>,
    /// Those of its tags.
    pub tags: BTreeMap<String, String>,
    /// What it does not get.
    pub problem: Option<Problem>,
}

/// Why an app does not have all of its hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence for each host.
    pub message: String,
}

/// All hosts that an app claims, each with its claim.
fn claims(app: &TodoApp, hosts: &Hosts) -> Vec<(String, Claim)> {
    if app.spec.ingress.visibility != Visibility::Public {
        return Vec::new();
    }
    let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
    let routed = app.status.iter().flat_map(|status| &status.traffic).filter_map(|t| t.tag.as_ref());
    let tags = app.spec.traffic.iter().filter_map(|t| t.tag.as_ref()).chain(routed);
    let generated = tags.map(|tag| hosts.tag(tag, &name, &namespace)).chain([hosts.app(&name, &namespace)]);
    let generated = generated.flatten().map(|host| (host, claim(app, false)));
    generated.chain(app.spec.ingress.hosts.iter().map(|host| (host.clone(), claim(app, true)))).collect()
}

fn claim(app: &TodoApp, own: bool) -> Claim {
    let created = app.creation_timestamp().map_or(i64::MAX, |time| time.0.as_second());
    Claim { own, created, app: Key::of(&app.metadata).to_string() }
}

/// The hosts that an app gets, for these tags. `others` gives the apps that may claim a host too.
fn decide<'a>(
    app: &TodoApp,
    tags: impl Iterator<Item = &'a String>,
    hosts: &Hosts,
    others: impl Fn(&str) -> Vec<TodoApp>,
) -> Names {
    let mut names = Names::default();
    if app.spec.ingress.visibility != Visibility::Public {
        return names;
    }
    let mut problems = Vec::new();
    let taken = |host: &str, own: bool| winner(host, &claim(app, own), hosts, &others(host));
    let mut generated = |host: Result<String, String>| match host {
        Ok(host) => match taken(&host, false) {
            None => Some(host),
            Some(other) => {
                problems.push(("HostTaken", generated_taken(&host, &other)));
                None
            }
        },
        Err(problem) => {
            problems.push(("InvalidHost", problem));
            None
        }
    };
    let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
    names.app = generated(hosts.app(&name, &namespace));
    for tag in tags {
        names.tags.extend(generated(hosts.tag(tag, &name, &namespace)).map(|host| (tag.clone(), host)));
    }
    for host in &app.spec.ingress.hosts {
        problems.extend(taken(host, true).map(|other| ("HostTaken", own_taken(host, &other))));
    }
    if let Some((reason, _)) = problems.first() {
        let messages: Vec<_> = problems.iter().map(|(_, message)| message.as_str()).collect();
        names.problem = Some(Problem { reason, message: messages.join("; ") });
    }
    names
}

/// The other app that has a host which this claim is about.
fn winner(host: &str, ours: &Claim, hosts: &Hosts, others: &[TodoApp]) -> Option<String> {
    let theirs = others.iter().flat_map(|other| claims(other, hosts)).filter(|(claimed, _)| claimed == host);
    let first = theirs.map(|(_, claim)| claim).filter(|claim| claim.app != ours.app).min()?;
    (first < *ours).then_some(first.app)
}

fn own_taken(host: &str, other: &str) -> String {
    format!("`spec.ingress.hosts` has '{host}', which belongs to TodoApp '{other}': take it out here or there")
}

fn generated_taken(host: &str, other: &str) -> String {
    format!(
        "host '{host}' belongs to TodoApp '{other}': name this app or its tag otherwise, or change the `hosts` of the \
         cluster's settings"
    )
}

/// The hosts that an app gets as of now.
pub fn names(app: &TodoApp, targets: &[Target], context: &Context) -> Names {
    let hosts = context.settings.borrow().hosts.clone();
    let others = |host: &str| {
        let ids = context.hosts.lock().claimants(host);
        ids.into_iter().flat_map(|id| context.stores.apps.with_id(id)).collect()
    };
    decide(app, targets.iter().filter_map(|target| target.tag.as_ref()), &hosts, others)
}

/// Notes what the app of this name claims, if there is one, and has those looked at again whom a change of it concerns.
pub async fn note(key: &Key, context: &Context) {
    let apps = &context.stores.apps;
    let hosts = context.settings.borrow().hosts.clone();
    let concerned = enter(&mut context.hosts.lock(), apps.id(key), &context.stores, &hosts);
    let others: BTreeSet<Key> =
        concerned.into_iter().flat_map(|id| apps.with_id(id)).map(|app| Key::of(&app.metadata)).collect();
    for other in others {
        // A receiver is gone only when the process ends.
        let _ = context.again.send(other).await;
    }
}

/// What all apps claim.
pub fn known(stores: &Stores, hosts: &Hosts) -> HostBook {
    let mut book = HostBook::default();
    for app in stores.apps.all() {
        enter(&mut book, stores.apps.id(&Key::of(&app.metadata)), stores, hosts);
    }
    book
}

/// Apps of the same id are one to the book: what they claim together.
fn enter(book: &mut HostBook, id: u32, stores: &Stores, hosts: &Hosts) -> Vec<u32> {
    let claims: Vec<_> = stores.apps.with_id(id).iter().flat_map(|app| claims(app, hosts)).collect();
    book.enter(id, &claims)
}

#[cfg(test)]
mod tests;
