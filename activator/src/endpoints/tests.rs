use tokio::time::advance;

use super::*;

fn address(last: u8) -> SocketAddr {
    ([10, 0, 0, last], 8012).into()
}

fn slices(listed: &[(u8, bool)]) -> BTreeMap<SocketAddr, Listed> {
    let of = |ready: bool| if ready { Listed::Ready } else { Listed::NotReady };
    listed.iter().map(|(last, ready)| (address(*last), of(*ready))).collect()
}

fn now(endpoints: &Endpoints) -> Vec<SocketAddr> {
    endpoints.available(Instant::now()).0
}

#[tokio::test(start_paused = true)]
async fn an_announcement_counts_until_thirty_seconds_pass() {
    let mut endpoints = Endpoints::default();
    endpoints.up(address(1), 0, Instant::now());
    assert_eq!(now(&endpoints), [address(1)]);
    let (_, next) = endpoints.available(Instant::now());
    assert_eq!(next, Some(Instant::now() + HUB_TRUST));
    // A slice that is late and says "not ready" does not undo it.
    endpoints.listed(&slices(&[(1, false)]), Instant::now());
    assert_eq!(now(&endpoints), [address(1)]);
    advance(HUB_TRUST).await;
    assert_eq!(now(&endpoints), []);
}

#[tokio::test(start_paused = true)]
async fn confirmed_by_a_slice_the_slices_decide() {
    let mut endpoints = Endpoints::default();
    endpoints.up(address(1), 0, Instant::now());
    endpoints.listed(&slices(&[(1, true)]), Instant::now());
    advance(HUB_TRUST * 2).await;
    assert_eq!(now(&endpoints), [address(1)]);
    endpoints.listed(&slices(&[(1, false)]), Instant::now());
    assert_eq!(now(&endpoints), []);
    endpoints.listed(&slices(&[]), Instant::now());
    assert!(endpoints.entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn draining_wins_over_a_slice_that_still_says_ready() {
    let mut endpoints = Endpoints::default();
    endpoints.listed(&slices(&[(1, true), (2, true)]), Instant::now());
    endpoints.down(address(1), Instant::now());
    assert_eq!(now(&endpoints), [address(2)]);
    endpoints.listed(&slices(&[(1, true), (2, true)]), Instant::now());
    assert_eq!(now(&endpoints), [address(2)]);
    // Announced anew.
    endpoints.up(address(1), 0, Instant::now());
    assert_eq!(now(&endpoints), [address(1), address(2)]);
    // Dropped by the slice and listed again: another pod with the same address.
    endpoints.down(address(1), Instant::now());
    endpoints.listed(&slices(&[(2, true)]), Instant::now());
    endpoints.listed(&slices(&[(1, true), (2, true)]), Instant::now());
    assert_eq!(now(&endpoints), [address(1), address(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_does_not_hide_a_ready_pod_for_ever() {
    let mut endpoints = Endpoints::default();
    endpoints.listed(&slices(&[(1, true)]), Instant::now());
    endpoints.down(address(1), Instant::now());
    let (_, next) = endpoints.available(Instant::now());
    assert_eq!(next, Some(Instant::now() + HUB_TRUST));
    advance(HUB_TRUST).await;
    assert_eq!(now(&endpoints), [address(1)]);
}

#[tokio::test(start_paused = true)]
async fn refused_and_back() {
    let mut endpoints = Endpoints::default();
    endpoints.listed(&slices(&[(1, true)]), Instant::now());
    endpoints.refused(address(1), Instant::now());
    assert_eq!(now(&endpoints), []);
    advance(REFUSED_PAUSE).await;
    assert_eq!(now(&endpoints), [address(1)], "the slice still lists it");

    endpoints.refused(address(1), Instant::now());
    endpoints.listed(&slices(&[(1, false)]), Instant::now());
    endpoints.listed(&slices(&[(1, true)]), Instant::now());
    assert_eq!(now(&endpoints), [address(1)], "the slice changed");

    endpoints.refused(address(1), Instant::now());
    endpoints.up(address(1), 0, Instant::now());
    assert_eq!(now(&endpoints), [address(1)], "announced");
}

#[tokio::test(start_paused = true)]
async fn refused_and_known_to_the_hub_alone_stays_out() {
    let mut endpoints = Endpoints::default();
    endpoints.up(address(1), 0, Instant::now());
    endpoints.refused(address(1), Instant::now());
    advance(REFUSED_PAUSE * 3).await;
    assert_eq!(endpoints.available(Instant::now()), (Vec::new(), None));
}

#[tokio::test(start_paused = true)]
async fn a_new_hub_replaces_what_the_old_one_announced() {
    let mut endpoints = Endpoints::default();
    endpoints.up(address(1), 0, Instant::now());
    endpoints.up(address(2), 0, Instant::now());
    endpoints.listed(&slices(&[(3, true)]), Instant::now());
    endpoints.announced(&[address(2)], Instant::now());
    assert_eq!(now(&endpoints), [address(2), address(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_leaves_and_serves_is_taken_while_no_other_is_there() {
    let mut endpoints = Endpoints::default();
    let leaving = |other: Option<Listed>| {
        let other = other.map(|listed| (address(2), listed));
        [(address(1), Listed::Leaving)].into_iter().chain(other).collect()
    };
    endpoints.listed(&slices(&[(1, true)]), Instant::now());
    endpoints.listed(&leaving(None), Instant::now());
    assert_eq!(now(&endpoints), [address(1)]);
    endpoints.listed(&leaving(Some(Listed::NotReady)), Instant::now());
    assert_eq!(now(&endpoints), [address(1)]);
    endpoints.up(address(2), 0, Instant::now());
    assert_eq!(now(&endpoints), [address(2)], "another one is there");
    endpoints.refused(address(2), Instant::now());
    assert_eq!(now(&endpoints), [address(1)]);
    // It says itself that it goes.
    endpoints.down(address(1), Instant::now());
    assert_eq!(now(&endpoints), []);
}
