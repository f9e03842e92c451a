//! Specs, each kept once however many revisions have it: most apps leave most of theirs open.

use std::sync::Arc;

use scaling::Spec;

/// Different specs that are shared; more than that many are kept for each revision.
const SHARED_MAX: usize = 256;

/// Those in use.
#[derive(Debug, Default)]
pub struct Specs(Vec<Arc<Spec>>);

impl Specs {
    /// The one that is equal.
    pub fn share(&mut self, spec: Spec) -> Arc<Spec> {
        if let Some(known) = self.0.iter().find(|known| ***known == spec) {
            return Arc::clone(known);
        }
        self.0.retain(|known| Arc::strong_count(known) > 1);
        let spec = Arc::new(spec);
        if self.0.len() < SHARED_MAX {
            self.0.push(Arc::clone(&spec));
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_are_one_and_those_unused_are_forgotten() {
        let mut specs = Specs::default();
        let of = |max| Spec { max, ..Spec::default() };
        let (one, two) = (specs.share(of(3)), specs.share(of(3)));
        assert!(Arc::ptr_eq(&one, &two) && one.max == 3);
        drop((one, two));
        let many: Vec<_> = (0..2 * SHARED_MAX as u32).map(|max| specs.share(of(max))).collect();
        assert_eq!(specs.0.len(), SHARED_MAX);
        assert!(many.iter().enumerate().all(|(max, spec)| spec.max as usize == max));
    }
}
