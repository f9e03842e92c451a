//! Clients that stay with one revision while shares differ.
//!
//! A client's key is hashed to a point, and the revisions' shares are laid side by side: the point says whose it is. While a
//! release is under way the candidate comes last, next to the revision that it takes over from, so a larger share of it
//! moves clients from there to it and nobody else.

use http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};

use super::Share;
use crate::table::key::Key;

/// By what clients of an app are told apart (`spec.rollout.stickiness`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sticky {
    /// The cookie of this name; who has none gets one.
    Cookie(Box<str>),
    /// This header; who has none goes by turns.
    Header(HeaderName),
}

/// A client that was told apart.
#[derive(Debug)]
pub(super) struct Client {
    point: u64,
    /// What it is to be told, so that it comes back to the same point.
    pub(super) cookie: Option<HeaderValue>,
}

impl Sticky {
    /// As the app asks for it; `None` when what it names is no header.
    pub(crate) fn of(stickiness: &api::rollout::Stickiness) -> Option<Self> {
        let header = || stickiness.header.as_ref()?.parse().ok().map(Self::Header);
        stickiness.cookie.as_deref().map(|name| Self::Cookie(name.into())).or_else(header)
    }

    /// Who sent the request to this app; `None` when it may be anybody.
    pub(super) fn client(&self, app: &Key, headers: &HeaderMap) -> Option<Client> {
        let known = |value: &[u8]| Client { point: point(app, value), cookie: None };
        match self {
            Self::Header(name) => {
                headers.get(name).map(HeaderValue::as_bytes).filter(|value| !value.is_empty()).map(known)
            }
            Self::Cookie(name) => cookie(headers, name).map(known).or_else(|| {
                let value = format!("{:032x}", rand::random::<u128>());
                // For the time of the browser's session, and not for scripts.
                let cookie = HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax"));
                Some(Client { point: point(app, value.as_bytes()), cookie: Some(cookie.ok()?) })
            }),
        }
    }
}

impl Client {
    /// The share that the client's point is in; there is at least one.
    pub(super) fn choose<'a>(&self, shares: &'a [Share]) -> &'a Share {
        &shares[place(self.point, shares.iter().map(|(_, percent)| *percent))]
    }
}

/// The interval that a point is in, of intervals of these lengths side by side.
fn place(point: u64, lengths: impl Iterator<Item = u32> + Clone) -> usize {
    let total: u32 = lengths.clone().sum();
    // Scaled to 0..total.
    let mark = ((u128::from(point) * u128::from(total)) >> 64) as u32;
    let mut end = 0;
    lengths
        .take_while(|length| {
            end += length;
            end <= mark
        })
        .count()
}

/// The value of a cookie (RFC 6265, 5.4; RFC 9113, 8.2.3: there may be several headers). An empty one is none.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let value = |pair: &'a [u8]| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    pairs.filter_map(value).find(|value| !value.is_empty())
}

/// Where a client is among all, the same in each activator of any build: FNV-1a, and the finalizer of SplitMix64, since the
/// former alone leaves the upper bits of like keys alike. With the app in it, so that nobody is always among the first.
fn point(app: &Key, key: &[u8]) -> u64 {
    let parts = [app.namespace().as_bytes(), b"/", app.name().as_bytes(), b"/", key];
    let hash = parts
        .iter()
        .copied()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let of = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(of).collect()
    }

    #[test]
    fn cookies_are_found_wherever_they_are() {
        let value = |headers: &HeaderMap| cookie(headers, "rev").map(<[u8]>::to_vec);
        for (found, cookies) in [
            (Some("1"), &["rev=1"][..]),
            (Some("1"), &["a=b; rev=1;c=d"]),
            (Some("1=2"), &["xrev=0; rev=1=2"]),
            (Some("1"), &["a=b", "rev=1"]),
            (None, &["rev=; rev"]),
            (None, &["REV=1; revision=2"]),
            (None, &[]),
        ] {
            let mut all = HeaderMap::new();
            for cookie in cookies {
                all.append(COOKIE, HeaderValue::from_static(cookie));
            }
            assert_eq!(value(&all), found.map(|found| found.as_bytes().to_vec()));
        }
    }

    #[test]
    fn who_is_told_apart_by_what() {
        let app = Key::new("default", "user");
        let header = Sticky::Header(HeaderName::from_static("x-user"));
        let ann = header.client(&app, &headers(&[("x-user", "ann")])).unwrap();
        assert_eq!((ann.point, ann.cookie), (point(&app, b"ann"), None));
        assert!(header.client(&app, &headers(&[("x-user", "")])).is_none());
        assert!(header.client(&app, &headers(&[])).is_none());
        assert_ne!(point(&app, b"ann"), point(&Key::new("default", "web"), b"ann"));

        let sticky = Sticky::Cookie("rev".into());
        let new = sticky.client(&app, &headers(&[])).unwrap();
        let told = new.cookie.unwrap();
        let (pair, rest) = told.to_str().unwrap().split_once(';').unwrap();
        assert_eq!((pair.len(), rest), ("rev=".len() + 32, " Path=/; HttpOnly; SameSite=Lax"));
        let mut back = HeaderMap::new();
        back.insert(COOKIE, HeaderValue::try_from(pair).unwrap());
        let back = sticky.client(&app, &back).unwrap();
        assert_eq!((back.point, back.cookie), (new.point, None));
    }

    proptest! {
        /// The candidate is the last, and the stable one before it gives what it gets.
        #[test]
        fn a_larger_share_moves_clients_to_the_candidate_alone(
            others in prop::collection::vec(1u32..20, 0..3),
            candidate in 0u32..40,
            more in 0u32..40,
            point: u64,
        ) {
            let latest = 100 - others.iter().sum::<u32>();
            let shares = |candidate: u32| {
                let candidate = candidate.min(latest);
                let mut shares = others.clone();
                shares.extend([latest - candidate, candidate]);
                shares
            };
            let (before, after) = (shares(candidate), shares(candidate + more));
            let (stable, last) = (others.len(), others.len() + 1);
            let (was, is) = (place(point, before.iter().copied()), place(point, after.iter().copied()));
            prop_assert!(is == was || (was == stable && is == last), "{was} → {is}");
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Of many clients each revision has its share: within five standard deviations.
        #[test]
        fn shares_are_right_within_statistics(percent in 1u32..100, salt: u32) {
            let (app, clients) = (Key::new("default", "user"), 5_000u32);
            let candidates = (0..clients)
                .filter(|client| {
                    let key = format!("user-{salt}-{client}");
                    place(point(&app, key.as_bytes()), [100 - percent, percent].into_iter()) == 1
                })
                .count();
            let share = f64::from(percent) / 100.0;
            let (mean, spread) = (f64::from(clients) * share, (f64::from(clients) * share * (1.0 - share)).sqrt());
            prop_assert!((candidates as f64 - mean).abs() <= 5.0 * spread, "{candidates} of {clients} at {percent} %");
        }
    }
}
