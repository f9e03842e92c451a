//! The objects and requests of a text. What is no such line is passed over:
//!
//! ```text
//! app NAMESPACE/NAME SECOND public|cluster HOST|- PORT|-   the rest of its lines are about this app:
//! own HOST                                                 a host of the user's own
//! to REVISION PERCENT [TAG HOST|- PORT|-]                  a target of its traffic
//! live REVISION                                            this revision is there
//! deleted REVISION                                         it was there
//! stalled                                                  it waits for a person
//! unread                                                   and did so with the spec that it had before
//! gone                                                     it was deleted in the end
//! ask public|PORT AUTHORITY [TAG]                          a request, with a tag in its header
//! ```

use serde_json::{Value, json};

/// More of a kind are passed over.
const MOST: usize = 8;

#[derive(Debug, Default)]
pub struct World {
    pub apps: Vec<App>,
    pub live: Vec<Live>,
    pub asks: Vec<Ask>,
}

#[derive(Debug)]
pub struct App {
    pub namespace: String,
    pub name: String,
    pub created: u8,
    pub public: bool,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub own: Vec<String>,
    pub targets: Vec<Target>,
    pub stalled: bool,
    /// The operator has not read its newest spec.
    pub unread: bool,
    pub gone: bool,
}

#[derive(Debug)]
pub struct Target {
    pub revision: String,
    pub percent: u32,
    pub tag: Option<Tag>,
}

#[derive(Debug)]
pub struct Tag {
    pub name: String,
    pub host: Option<String>,
    pub port: Option<u16>,
}

#[derive(Debug)]
pub struct Live {
    pub namespace: String,
    pub name: String,
    pub app: String,
    pub gone: bool,
}

#[derive(Debug)]
pub struct Ask {
    /// None: the public door.
    pub port: Option<u16>,
    pub authority: String,
    pub tag: Option<String>,
}

impl World {
    pub fn read(text: &str) -> Self {
        let mut world = Self::default();
        for line in text.lines() {
            world.line(&line.split_whitespace().collect::<Vec<_>>());
        }
        world
    }

    fn line(&mut self, words: &[&str]) -> Option<()> {
        match *words {
            ["app", name, created, visibility, host, port] if self.apps.len() < MOST => {
                let (namespace, name) = name.split_once('/').filter(|(one, other)| is_name(one) && is_name(other))?;
                if self.apps.iter().any(|app| app.namespace == namespace && app.name == name) {
                    return None;
                }
                self.apps.push(App {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    created: created.parse().ok()?,
                    public: visibility == "public",
                    host: host_of(host),
                    port: port.parse().ok(),
                    own: Vec::new(),
                    targets: Vec::new(),
                    stalled: false,
                    unread: false,
                    gone: false,
                });
            }
            ["own", host] => self.app()?.own.push(host_of(host)?),
            ["to", revision, percent, ref tag @ ..] if is_name(revision) => {
                let percent = percent.parse().ok().filter(|percent| *percent <= 100)?;
                let tag = match *tag {
                    [] => None,
                    [name, host, port] if is_name(name) => {
                        Some(Tag { name: name.to_owned(), host: host_of(host), port: port.parse().ok() })
                    }
                    _ => return None,
                };
                let app = self.app().filter(|app| app.targets.len() < MOST)?;
                app.targets.push(Target { revision: revision.to_owned(), percent, tag });
            }
            ["live", name] => self.revision(name, false)?,
            ["deleted", name] => self.revision(name, true)?,
            ["stalled"] => self.app()?.stalled = true,
            ["unread"] => self.app()?.unread = true,
            ["gone"] => self.app()?.gone = true,
            ["ask", door, authority, ref tag @ ..] if self.asks.len() < 2 * MOST => {
                let port = if door == "public" { None } else { Some(door.parse().ok()?) };
                let tag = tag.first().map(|tag| (*tag).to_owned());
                self.asks.push(Ask { port, authority: authority.to_owned(), tag });
            }
            _ => {}
        }
        Some(())
    }

    /// Those that are there in the end.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.iter().filter(|app| !app.gone)
    }

    /// Of a name there is one.
    fn revision(&mut self, name: &str, gone: bool) -> Option<()> {
        let (namespace, app) = self.app().map(|app| (app.namespace.clone(), app.name.clone()))?;
        let known = self.live.iter().any(|known| known.namespace == namespace && known.name == name);
        if is_name(name) && self.live.len() < 2 * MOST && !known {
            self.live.push(Live { namespace, name: name.to_owned(), app, gone });
        }
        Some(())
    }

    /// The last one.
    fn app(&mut self) -> Option<&mut App> {
        self.apps.last_mut()
    }
}

impl App {
    /// As the API server has it before anybody has read it.
    pub fn young(&self) -> Value {
        let mut object = self.object();
        object["status"] = Value::Null;
        object
    }

    /// As the API server has it.
    pub fn object(&self) -> Value {
        let url = |host: &Option<String>| host.as_ref().map(|host| format!("http://{host}"));
        let traffic: Vec<_> = self
            .targets
            .iter()
            .map(|target| {
                let mut object = json!({ "revision": target.revision, "percent": target.percent });
                if let Some(tag) = &target.tag {
                    object["tag"] = tag.name.clone().into();
                    object["url"] = url(&tag.host).into();
                    object["clusterPort"] = tag.port.into();
                }
                object
            })
            .collect();
        let stalled = json!([{ "type": "Stalled", "status": "True", "reason": "R", "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z" }]);
        json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
            "metadata": {
                "name": self.name, "namespace": self.namespace, "generation": 1 + u8::from(self.unread),
                "creationTimestamp": format!("2026-01-01T00:00:{:02}Z", self.created % 60),
            },
            "spec": {
                "template": { "spec": { "containers": [{ "image": "i" }] } },
                "ingress": { "visibility": if self.public { "Public" } else { "Cluster" }, "hosts": self.own },
            },
            "status": {
                "observedGeneration": 1, "url": url(&self.host), "clusterPort": self.port, "traffic": traffic,
                "conditions": if self.stalled { stalled } else { json!([]) },
            },
        })
    }

    /// Full name of a revision of its namespace.
    pub fn revision(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace)
    }
}

impl Live {
    /// As the API server has it.
    pub fn object(&self) -> Value {
        json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
            "metadata": {
                "name": self.name, "namespace": self.namespace, "uid": format!("uid-{}-{}", self.namespace, self.name),
                "labels": { "todoapp.dev/app": self.app },
            },
            "spec": { "template": { "spec": { "containers": [{ "image": "i" }] } } },
        })
    }
}

/// RFC 1123, as objects' names are.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// As the CRD and the cluster's settings have hosts.
fn host_of(text: &str) -> Option<String> {
    text.split('.').all(is_name).then(|| text.to_owned()).filter(|host| host != "-")
}
