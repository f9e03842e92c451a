//! Which certificate a server name gets. Pure.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use super::certificate::Certificate;
use crate::table::key::Key;

/// All certificates by the names in them.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// Of two that claim a name, the one made last is first, then the one that lasts longer.
    by_name: HashMap<Box<str>, Vec<Arc<Certificate>>>,
    default: Option<Arc<Certificate>>,
}

impl Choice {
    /// `default` is for clients that ask for a name that nobody has, or for none.
    pub(crate) fn of<'a>(
        certificates: impl Iterator<Item = (&'a Key, &'a Arc<Certificate>)>,
        default: Option<&Key>,
    ) -> Self {
        let mut ordered: Vec<_> = certificates.collect();
        ordered.sort_by_key(|(key, made)| (Reverse(made.not_before), Reverse(made.not_after), *key));
        let mut choice = Self::default();
        for (key, certificate) in ordered {
            for name in certificate.identity.names.iter() {
                choice.by_name.entry(name.into()).or_default().push(Arc::clone(certificate));
            }
            if default == Some(key) {
                choice.default = Some(Arc::clone(certificate));
            }
        }
        choice
    }

    /// The best for a name at this time: the exact name before a wildcard, and what is valid before what is not.
    pub(crate) fn find(&self, name: Option<&str>, now: i64) -> Option<&Arc<Certificate>> {
        let valid = |certificate: &&Arc<Certificate>| (certificate.not_before..=certificate.not_after).contains(&now);
        let named = |name| self.claimants(name).find(valid).or_else(|| self.claimants(name).next());
        name.and_then(named).or(self.default.as_ref())
    }

    /// Whether a certificate names this host.
    pub(crate) fn has(&self, host: &str) -> bool {
        self.claimants(host).next().is_some()
    }

    fn claimants(&self, name: &str) -> impl Iterator<Item = &Arc<Certificate>> {
        let wildcard = name.split_once('.').filter(|(label, _)| !label.is_empty()).map(|(_, rest)| format!("*.{rest}"));
        let of = |name: &str| self.by_name.get(name).into_iter().flatten();
        of(name).chain(wildcard.map(|name| of(&name)).into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use proxy::tls::Identity;

    use super::*;

    /// Tells certificates apart by their time, for none of these has a key.
    fn certificate(names: &[&str], not_before: i64, not_after: i64) -> Arc<Certificate> {
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
        let identity = Arc::new(Identity { names: names.iter().collect(), config: Arc::new(config) });
        Arc::new(Certificate { identity, not_before, not_after })
    }

    fn choice(certificates: &[(&str, Arc<Certificate>)], default: Option<&str>) -> Choice {
        let keyed: Vec<_> = certificates.iter().map(|(name, made)| (Key::new("default", name), made)).collect();
        let default = default.map(|name| Key::new("default", name));
        Choice::of(keyed.iter().map(|(key, made)| (key, *made)), default.as_ref())
    }

    fn found(choice: &Choice, name: Option<&str>, now: i64) -> Option<i64> {
        choice.find(name, now).map(|certificate| certificate.not_before)
    }

    #[test]
    fn an_exact_name_goes_before_a_wildcard() {
        let choice = choice(
            &[("all", certificate(&["*.a.example"], 9, 90)), ("one", certificate(&["x.a.example"], 1, 90))],
            None,
        );
        assert_eq!(found(&choice, Some("x.a.example"), 50), Some(1));
        assert_eq!(found(&choice, Some("y.a.example"), 50), Some(9));
        for nobody in ["a.example", "x.y.a.example", ".a.example", "example", ""] {
            assert_eq!(found(&choice, Some(nobody), 50), None, "{nobody}");
            assert!(!choice.has(nobody), "{nobody}");
        }
        assert_eq!(found(&choice, None, 50), None);
    }

    #[test]
    fn the_newer_wins_then_the_longer_then_the_first_by_name() {
        let mut three = [
            ("a", certificate(&["a"], 1, 99)),
            ("b", certificate(&["a"], 2, 50)),
            ("c", certificate(&["a"], 2, 60)),
            ("d", certificate(&["a"], 2, 60)),
        ];
        for _ in 0..2 {
            let choice = choice(&three, None);
            let best = choice.find(Some("a"), 10).unwrap();
            assert!(Arc::ptr_eq(best, &three.iter().find(|(name, _)| *name == "c").unwrap().1));
            three.reverse();
        }
    }

    #[test]
    fn what_is_valid_goes_before_what_is_not() {
        let choice = choice(
            &[
                ("new", certificate(&["x.a"], 80, 99)),
                ("old", certificate(&["x.a"], 1, 50)),
                ("wild", certificate(&["*.a"], 2, 70)),
            ],
            None,
        );
        assert_eq!(found(&choice, Some("x.a"), 90), Some(80));
        assert_eq!(found(&choice, Some("x.a"), 40), Some(1));
        assert_eq!(found(&choice, Some("x.a"), 60), Some(2));
        assert_eq!(found(&choice, Some("x.a"), 75), Some(80));
    }

    #[test]
    fn the_default_is_for_names_that_nobody_has() {
        let choice = choice(&[("a", certificate(&["a"], 1, 9)), ("d", certificate(&["d"], 2, 9))], Some("d"));
        assert_eq!(found(&choice, None, 5), Some(2));
        assert_eq!(found(&choice, Some("other"), 5), Some(2));
        assert_eq!(found(&choice, Some("a"), 5), Some(1));
        assert!(choice.has("d") && !choice.has("other"));
    }
}
