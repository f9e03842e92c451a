//! Reading of image references, by hand: the expression that others use for it takes a megabyte for good.

use oci_client::Reference;

/// Registry of names without one.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Another name of it.
const DEFAULT_REGISTRY_LEGACY: &str = "index.docker.io";
/// Longest tag.
const TAG_MAX: usize = 128;
/// Fewest digits of a digest.
const DIGITS_MIN: usize = 32;

/// An image as a template names it (grammar: distribution/reference of the CNCF).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// As written, without tag.
    name: String,
    /// HOST or HOST:PORT.
    registry: String,
    /// Path within the registry.
    repository: String,
    tag: String,
    by_digest: bool,
}

impl Image {
    /// Nothing for what is no reference: the kubelet says `InvalidImageName`.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (rest, "latest"),
        };
        let (registry, repository) = split(name);
        let valid = is_host(&registry) && repository.split('/').all(is_component) && is_tag(tag);
        (valid && digest.is_none_or(is_digest)).then(|| Self {
            name: name.to_owned(),
            registry,
            repository,
            tag: tag.to_owned(),
            by_digest: digest.is_some(),
        })
    }

    /// Whether it names its content already.
    pub fn is_by_digest(&self) -> bool {
        self.by_digest
    }

    /// HOST or HOST:PORT.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `REGISTRY/REPOSITORY`: what credentials are looked up by.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Whether it is on Docker Hub.
    pub fn is_default_registry(&self) -> bool {
        self.registry == DEFAULT_REGISTRY
    }

    /// The tag to ask for.
    pub fn reference(&self) -> Reference {
        Reference::with_tag(self.registry.clone(), self.repository.clone(), self.tag.clone())
    }

    /// The same image by this digest; none if that is no digest.
    pub fn at(&self, digest: &str) -> Option<String> {
        is_digest(digest).then(|| format!("{}@{digest}", self.name))
    }
}

/// Registry and repository; a first part without dot and port is a user of Docker Hub.
fn split(name: &str) -> (String, String) {
    let named = name.split_once('/').filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost");
    let (host, path) = named.unwrap_or((DEFAULT_REGISTRY, name));
    let host = if host == DEFAULT_REGISTRY_LEGACY { DEFAULT_REGISTRY } else { host };
    let official = host == DEFAULT_REGISTRY && !path.contains('/');
    (host.to_owned(), if official { format!("library/{path}") } else { path.to_owned() })
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "1"));
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    host.split('.').all(label) && port.parse::<u16>().is_ok()
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || "._-".contains(c))
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= TAG_MAX && text.starts_with(word) && text.chars().all(|c| word(c) || ".-".contains(c))
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digits)| {
        !algorithm.is_empty()
            && algorithm.chars().all(|c| c.is_ascii_alphanumeric() || "+._-".contains(c))
            && digits.len() >= DIGITS_MIN
            && digits.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for (text, whole) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("test.com:5000", "docker.io/library/test.com:5000"),
            ("test.com/repo:tag", "test.com/repo:tag"),
            ("test:5000/repo", "test:5000/repo:latest"),
            ("localhost/repo", "localhost/repo:latest"),
            ("index.docker.io/busybox:1", "docker.io/library/busybox:1"),
            ("opensuse/leap:15.3", "docker.io/opensuse/leap:15.3"),
            ("lowercase:Upper_case", "docker.io/library/lowercase:Upper_case"),
            ("127.0.0.1:5000/a/b__c-d.e:v1", "127.0.0.1:5000/a/b__c-d.e:v1"),
        ] {
            let image = Image::parse(text).unwrap_or_else(|| panic!("{text} is valid"));
            assert_eq!(image.reference().whole(), whole);
            assert!(!image.is_by_digest());
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["", ":1", "a:", "Upper", "a//b", "a/-b", "a b", "a:t@", "a@sha256:12", "test:port/repo", "a:.x"] {
            assert_eq!(Image::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_takes_the_place_of_the_tag_and_the_name_stays_as_written() {
        assert!(Image::parse(&format!("a:1@{DIGEST}")).is_some_and(|image| image.is_by_digest()));
        let image = Image::parse("test:5000/repo:tag").expect("valid");
        assert_eq!(image.at(DIGEST), Some(format!("test:5000/repo@{DIGEST}")));
        assert_eq!(image.at("latest"), None);
        assert_eq!(Image::parse("busybox").and_then(|image| image.at(DIGEST)), Some(format!("busybox@{DIGEST}")));
    }
}
