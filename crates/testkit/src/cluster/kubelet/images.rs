//! Images: which are on the nodes, which come, which are nowhere.

use std::collections::BTreeMap;
use std::time::Duration;

use super::report::Waiting;
use crate::Delay;

/// First and longest wait after a failed pull.
const BACKOFF: [Duration; 2] = [Duration::from_secs(10), Duration::from_mins(5)];

/// Where an image is. One that nobody speaks of is on every node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Image {
    /// On every node.
    Present,
    /// In its registry, from where it takes this long.
    Pulls(Delay),
    /// Nowhere.
    Missing,
}

/// All images.
#[derive(Debug, Default)]
pub struct Images(BTreeMap<String, Image>);

impl Images {
    /// Says where an image is.
    pub fn set(&mut self, name: &str, image: Image) {
        self.0.insert(name.to_owned(), image);
    }

    /// Where it is.
    pub fn get(&self, name: &str) -> Image {
        self.0.get(name).copied().unwrap_or(Image::Present)
    }
}

/// The kubelet's two words for one failure: at the pull, and while it waits for the next.
pub fn not_found(image: &str) -> [Waiting; 2] {
    let reference = if image.contains('/') { image.to_owned() } else { format!("docker.io/library/{image}") };
    let cause = format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{reference}\": failed to resolve reference \
         \"{reference}\": {reference}: not found"
    );
    let backs_off = format!("Back-off pulling image \"{image}\": ErrImagePull: {cause}");
    [Waiting { reason: "ErrImagePull", message: cause }, Waiting { reason: "ImagePullBackOff", message: backs_off }]
}

/// How long a kubelet waits after so many failures in a row, of a pull or of a container.
pub fn backoff(failures: u32) -> Duration {
    let [first, longest] = BACKOFF;
    first.saturating_mul(1 << failures.min(16)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        assert_eq!([0, 1, 4, 5, 40].map(|failures| backoff(failures).as_secs()), [10, 20, 160, 300, 300]);
    }
}
