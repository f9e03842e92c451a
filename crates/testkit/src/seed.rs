//! Where all chance comes from.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The number that decides a run. Each user of chance has a stream of its own, named by a label, so that one more
/// draw in one place changes nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The run of this number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of a part.
    #[must_use]
    pub fn part(self, label: &str) -> Self {
        Self(hash(label) ^ self.0.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The stream of draws of this label.
    pub fn stream(self, label: &str) -> StdRng {
        StdRng::seed_from_u64(self.part(label).0)
    }
}

/// FNV-1a: short, and the same for ever, unlike the standard library's hasher.
pub(crate) fn hash(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn draw(seed: u64, label: &str) -> u64 {
        Seed::new(seed).stream(label).random()
    }

    #[test]
    fn a_stream_depends_on_seed_and_label_alone() {
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}
