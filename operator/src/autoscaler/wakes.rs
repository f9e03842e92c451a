//! The last wakes: when demand came, when the scale was written, when the first pod called home.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// So many are kept.
const KEPT: usize = 64;

/// A revision without pods that was asked for.
#[derive(Debug, Clone)]
pub struct Wake {
    /// UID of the revision.
    pub uid: Arc<str>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The demand that was decided on.
    pub demanded: Duration,
    /// The API server acknowledged the scale.
    pub written: Option<Duration>,
    /// A pod said that its app answers.
    pub ready: Option<Duration>,
}

/// The newest [`KEPT`], oldest first.
#[derive(Debug, Default)]
pub struct Wakes(VecDeque<Wake>);

impl Wakes {
    /// Demand met a revision without pods.
    pub fn begin(&mut self, now: Duration, uid: Arc<str>, namespace: String, name: String) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Wake { uid, namespace, name, demanded: now, written: None, ready: None });
    }

    /// A scale was written.
    pub fn written(&mut self, now: Duration, uid: &str) {
        if let Some(wake) = self.newest(uid) {
            wake.written.get_or_insert(now);
        }
    }

    /// A pod called home.
    pub fn ready(&mut self, now: Duration, uid: &str) {
        if let Some(wake) = self.newest(uid) {
            wake.ready.get_or_insert(now);
        }
    }

    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Wake> {
        self.0.iter()
    }

    fn newest(&mut self, uid: &str) -> Option<&mut Wake> {
        self.0.iter_mut().rev().find(|wake| *wake.uid == *uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_each_step_counts_and_only_for_the_newest_wake() {
        let [t1, t2, t3] = [1, 2, 3].map(Duration::from_secs);
        let mut wakes = Wakes::default();
        wakes.begin(t1, "u".into(), "ns".into(), "r".into());
        wakes.written(t2, "u");
        wakes.written(t3, "u");
        wakes.ready(t3, "other");
        wakes.begin(t3, "u".into(), "ns".into(), "r".into());
        let seen: Vec<_> = wakes.iter().map(|w| (w.demanded, w.written, w.ready)).collect();
        assert_eq!(seen, [(t1, Some(t2), None), (t3, None, None)]);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut wakes = Wakes::default();
        for second in 0..KEPT as u64 + 3 {
            wakes.begin(Duration::from_secs(second), "u".into(), String::new(), String::new());
        }
        assert_eq!(wakes.iter().count(), KEPT);
        assert_eq!(wakes.iter().next().expect("full").demanded, Duration::from_secs(3));
    }
}
