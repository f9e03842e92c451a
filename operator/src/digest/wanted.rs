//! Which of a pod's images a registry has to be asked about. Pure.

use policy::Registries;
use serde_json::{Map, Value};

use super::image::Image;
use crate::revision::container_name;

/// An image with a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Container that runs it.
    pub container: String,
    /// As the template has it.
    pub written: String,
    /// The same, read.
    pub image: Image,
}

/// Containers and init containers of a pod's spec whose image is not by digest, may be pulled, and is in a registry that
/// is not skipped.
pub fn wanted(pod: &Map<String, Value>, registries: &Registries) -> Vec<Wanted> {
    let all = ["initContainers", "containers"].into_iter().filter_map(|list| pod.get(list)?.as_array()).flatten();
    let pulled = all.filter(|container| container["imagePullPolicy"] != "Never");
    let read = pulled.filter_map(|container| {
        let written = container["image"].as_str()?;
        let image = Image::parse(written)?;
        Some(Wanted { container: container_name(container).to_owned(), written: written.to_owned(), image })
    });
    read.filter(|one| !one.image.is_by_digest() && !registries.skips(one.image.registry())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_of_registries_are_wanted_and_nothing_else_is() {
        let by_digest = format!("a@sha256:{}", "0".repeat(64));
        let pod = json!({
            "initContainers": [{ "name": "first", "image": "registry.example/first:1" }],
            "containers": [
                { "image": "busybox" },
                { "name": "there", "image": "registry.example/there:1", "imagePullPolicy": "Never" },
                { "name": "fixed", "image": by_digest },
                { "name": "own", "image": "todoapp.local/own:1" },
                { "name": "invalid", "image": "Not a name" },
                { "name": "always", "image": "registry.example/always:1", "imagePullPolicy": "Always" },
            ],
        });
        let pod = pod.as_object().expect("an object");
        let names = |registries: &Registries| {
            wanted(pod, registries).into_iter().map(|w| (w.container, w.written)).collect::<Vec<_>>()
        };
        let expected =
            [("first", "registry.example/first:1"), ("app", "busybox"), ("always", "registry.example/always:1")];
        assert_eq!(names(&Registries::default()), expected.map(|(c, i)| (c.to_owned(), i.to_owned())));
        assert_eq!(names(&Registries { resolve: Some(false), ..Registries::default() }), []);
    }
}
