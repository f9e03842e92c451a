//! Which credentials go to which registry: the kubelet's rules (pkg/credentialprovider/keyring.go). Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::image::Image;

/// Key of Docker Hub in what `docker login` writes, after the path was cut off.
const DOCKER_HUB: &str = "index.docker.io";

/// User name and password for what begins with a pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `HOST[:PORT][/PATH]`; a part of the host may be a glob.
    pattern: String,
    /// User name.
    pub user: String,
    /// Password or token.
    pub password: String,
    /// Secret that has it.
    pub secret: String,
}

/// All credentials of a pod.
#[derive(Clone, Default)]
pub struct Keyring {
    /// More special patterns first: sorted backwards, as the kubelet does.
    credentials: Vec<Credential>,
    /// What could not be used, and why.
    pub unusable: Vec<String>,
}

/// One entry as in `~/.docker/config.json`.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    /// `USER:PASSWORD` in base64; goes before the other two.
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
struct ConfigJson {
    auths: BTreeMap<String, Entry>,
}

impl Keyring {
    /// Takes what a Secret holds, of type `kubernetes.io/dockerconfigjson` or `kubernetes.io/dockercfg`.
    pub fn add<'a>(&mut self, secret: &str, data: impl Fn(&str) -> Option<&'a [u8]>) {
        let entries = if let Some(text) = data(".dockerconfigjson") {
            serde_json::from_slice::<ConfigJson>(text).map(|config| config.auths).ok()
        } else {
            data(".dockercfg").and_then(|text| serde_json::from_slice(text).ok())
        };
        let Some(entries) = entries else {
            self.unusable.push(format!("Secret '{secret}' holds no valid `.dockerconfigjson` or `.dockercfg`"));
            return;
        };
        for (location, entry) in entries {
            match credential(secret, &location, entry) {
                Some(credential) => self.credentials.push(credential),
                None => {
                    self.unusable
                        .push(format!("`auth` of '{location}' in Secret '{secret}' is not USER:PASSWORD in base64"));
                }
            }
        }
        self.credentials.sort_by(|one, other| other.pattern.cmp(&one.pattern));
    }

    /// Those to try for an image, in this order; none: it is asked for without any.
    pub fn find(&self, image: &Image) -> Vec<&Credential> {
        let name = image.full_name();
        let found: Vec<_> = self.credentials.iter().filter(|one| matches(&one.pattern, &name)).collect();
        if found.is_empty() && image.is_default_registry() {
            return self.credentials.iter().filter(|one| one.pattern == DOCKER_HUB).collect();
        }
        found
    }
}

fn credential(secret: &str, location: &str, entry: Entry) -> Option<Credential> {
    let (user, password) = if entry.auth.is_empty() {
        (entry.username, entry.password)
    } else {
        let text = String::from_utf8(STANDARD.decode(entry.auth.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        (user.to_owned(), password.trim_matches('\0').to_owned())
    };
    Some(Credential { pattern: pattern(location), user, password, secret: secret.to_owned() })
}

/// Without scheme, and without the versions of the API that `docker login` adds.
fn pattern(location: &str) -> String {
    let bare = location.strip_prefix("https://").or(location.strip_prefix("http://")).unwrap_or(location);
    let (host, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
    let path = if path.starts_with("/v1/") || path.starts_with("/v2/") { &path[3..] } else { path };
    if path == "/" { host.to_owned() } else { format!("{host}{path}") }
}

/// Same port, as many parts of the host each of which fits, and a path that begins so.
fn matches(pattern: &str, name: &str) -> bool {
    let divide = |text: &str| {
        let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (host, port) = host.split_once(':').unwrap_or((host, ""));
        (host.to_owned(), port.to_owned(), path.to_owned())
    };
    let ((glob, glob_port, prefix), (host, port, path)) = (divide(pattern), divide(name));
    let (globs, parts): (Vec<_>, Vec<_>) = (glob.split('.').collect(), host.split('.').collect());
    glob_port == port
        && globs.len() == parts.len()
        && path.starts_with(&prefix)
        && globs.iter().zip(parts).all(|(glob, part)| fits(glob.as_bytes(), part.as_bytes()))
}

/// `*` is any text, `?` any letter. Only the last `*` is ever tried anew, so that no pattern takes long.
fn fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(one) if *one == b'?' || *one == text[read] => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((place, begun)) = star else { return false };
                star = Some((place, begun + 1));
                (at, read) = (place + 1, begun + 1);
            }
        }
    }
    glob[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn keyring(auths: Value) -> Keyring {
        let text = json!({ "auths": auths }).to_string();
        let mut keyring = Keyring::default();
        keyring.add("pull", |key| (key == ".dockerconfigjson").then_some(text.as_bytes()));
        keyring
    }

    fn users(keyring: &Keyring, image: &str) -> Vec<String> {
        keyring.find(&Image::parse(image).expect("valid")).iter().map(|one| one.user.clone()).collect()
    }

    #[test]
    fn the_more_special_pattern_goes_first_and_others_do_not_fit() {
        let named = |user: &str| json!({ "username": user, "password": "p" });
        let ring = keyring(json!({
            "registry.example": named("host"), "https://registry.example/team": named("path"),
            "registry.example:5000": named("port"), "*.cloud.example": named("glob"), "cloud.example": named("bare"),
        }));
        for (image, expected) in [
            ("registry.example/team/app:1", &["path", "host"][..]),
            ("registry.example/other:1", &["host"]),
            ("registry.example:5000/team/app", &["port"]),
            ("eu.cloud.example/app", &["glob"]),
            ("a.eu.cloud.example/app", &[]),
            ("busybox", &[]),
        ] {
            assert_eq!(users(&ring, image), expected, "{image}");
        }
    }

    #[test]
    fn globs_are_matched_and_none_takes_long() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("?b", "ab", true),
            ("?", "", false),
            ("*b*b", "ababb", true),
        ] {
            assert_eq!(fits(glob.as_bytes(), text.as_bytes()), expected, "{glob} {text}");
        }
        let (glob, text) = ("*a".repeat(5_000), "a".repeat(4_999));
        assert!(!fits(glob.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn what_docker_login_wrote_for_docker_hub_is_for_all_of_its_names() {
        let auth = STANDARD.encode("me:se:cret");
        let ring = keyring(json!({ "https://index.docker.io/v1/": { "auth": auth } }));
        for image in ["busybox", "docker.io/library/busybox", "team/app:1", "index.docker.io/team/app"] {
            let found = ring.find(&Image::parse(image).expect("valid"));
            assert_eq!(
                found.iter().map(|c| (&*c.user, &*c.password)).collect::<Vec<_>>(),
                [("me", "se:cret")],
                "{image}"
            );
        }
        assert_eq!(users(&ring, "ghcr.io/team/app"), Vec::<String>::new());
    }

    #[test]
    fn the_older_kind_of_secret_is_read_too_and_what_is_unusable_is_named() {
        let mut ring = Keyring::default();
        ring.add("old", |key| (key == ".dockercfg").then_some(br#"{"a.example": {"username": "u", "password": "p"}}"#));
        assert_eq!(users(&ring, "a.example/app"), ["u"]);
        ring.add("broken", |key| (key == ".dockerconfigjson").then_some(b"{"));
        ring.add("opaque", |_| None);
        ring.add("bad", |key| (key == ".dockercfg").then_some(br#"{"b.example": {"auth": "?"}}"#));
        let nothing = "holds no valid `.dockerconfigjson` or `.dockercfg`";
        let expected = [
            format!("Secret 'broken' {nothing}"),
            format!("Secret 'opaque' {nothing}"),
            "`auth` of 'b.example' in Secret 'bad' is not USER:PASSWORD in base64".to_owned(),
        ];
        assert_eq!(ring.unusable, expected);
    }
}
