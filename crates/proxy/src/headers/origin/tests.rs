use super::*;

fn origin() -> Origin {
    Origin::of(IpAddr::from([10, 0, 0, 7]), SocketAddr::from(([10, 0, 0, 1], 8080)), false)
}

#[test]
fn a_clients_word_is_replaced() {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("app.example"));
    headers.append(FOR, HeaderValue::from_static("6.6.6.6"));
    headers.append(FOR, HeaderValue::from_static("7.7.7.7"));
    headers.insert(PROTO, HeaderValue::from_static("https"));
    headers.insert(ORIGINAL_HOST, HeaderValue::from_static("evil"));
    headers.insert(FORWARDED, HeaderValue::from_static("for=evil"));
    for other in ["x-forwarded-port", "x-forwarded-prefix", "x-forwarded-", "x-forwarded-for-real", "x-real-ip"] {
        headers.append(other, HeaderValue::from_static("evil"));
        headers.append(other, HeaderValue::from_static("evil"));
    }
    origin().write(&mut headers, Forwarded::Overwrite);
    assert_eq!(headers.get_all(FOR).iter().count(), 1);
    assert_eq!(headers[FOR], "10.0.0.7");
    assert_eq!(headers[PROTO], "http");
    assert_eq!(headers[ORIGINAL_HOST], "app.example");
    assert_eq!(headers[FORWARDED], "for=10.0.0.7;proto=http");
    assert_eq!(headers.len(), 5, "{headers:?}");
}

#[test]
fn our_own_word_is_kept_and_a_missing_one_added() {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("app.example"));
    headers.insert(FOR, HeaderValue::from_static("9.9.9.9"));
    origin().write(&mut headers, Forwarded::Keep);
    assert_eq!(headers[FOR], "9.9.9.9");
    headers.remove(FOR);
    origin().write(&mut headers, Forwarded::Keep);
    assert_eq!(headers[FOR], "10.0.0.7");
}

#[test]
fn the_real_address_is_a_trusted_proxys_to_say() {
    let real = |lines: &[HeaderName], how| {
        let mut headers: HeaderMap =
            lines.iter().cloned().map(|name| (name, HeaderValue::from_static("9.9.9.9"))).collect();
        headers.insert(REAL_IP, HeaderValue::from_static("9.9.9.9"));
        origin().write(&mut headers, how);
        headers.contains_key(REAL_IP)
    };
    // nginx may say this alone.
    assert!(real(&[], Forwarded::Append) && real(&[FOR], Forwarded::Append));
    assert!(!real(&[FOR], Forwarded::Overwrite));
    // Of an activator what it let through; who comes past it is anybody.
    assert!(real(&[FOR], Forwarded::Keep) && !real(&[], Forwarded::Keep));
}

fn appended(lines: &[(HeaderName, &'static str)]) -> [String; 4] {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("app.example"));
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_static(value));
    }
    origin().write(&mut headers, Forwarded::Append);
    [FOR, PROTO, ORIGINAL_HOST, FORWARDED].map(|name| {
        assert_eq!(headers.get_all(&name).iter().count(), 1, "{name}");
        headers[name].to_str().expect("text").to_owned()
    })
}

#[test]
fn a_trusted_proxys_word_is_kept_and_it_is_named_last() {
    let all = [(FOR, "9.9.9.9, ::1"), (FOR, "x"), (PROTO, "https"), (ORIGINAL_HOST, "shop.example")];
    assert_eq!(
        appended(&all),
        [
            "9.9.9.9, ::1, x, 10.0.0.7",
            "https",
            "shop.example",
            "for=9.9.9.9;proto=https, for=\"[::1]\", for=unknown, for=10.0.0.7;proto=http"
        ]
    );
    let forwarded = [(FORWARDED, "for=9.9.9.9;host=a"), (FORWARDED, "for=_b"), (PROTO, "gopher")];
    assert_eq!(
        appended(&forwarded),
        ["10.0.0.7", "gopher", "app.example", "for=9.9.9.9;host=a, for=_b, for=10.0.0.7;proto=http"]
    );
    // Nothing said is nothing believed.
    assert_eq!(appended(&[]), ["10.0.0.7", "http", "app.example", "for=10.0.0.7;proto=http"]);
    assert_eq!(appended(&[(PROTO, "https")])[1], "http");
}

#[test]
fn a_connection_of_tls_is_told_of() {
    let mut headers = HeaderMap::new();
    let local = SocketAddr::from(([10, 0, 0, 1], 8443));
    Origin::of(IpAddr::from([10, 0, 0, 7]), local, true).write(&mut headers, Forwarded::Overwrite);
    assert_eq!(headers[PROTO], "https");
    assert_eq!(headers[FORWARDED], "for=10.0.0.7;proto=https");
}

#[test]
fn an_ipv6_peer_is_quoted_and_a_missing_host_filled_in() {
    let mut headers = HeaderMap::new();
    let local = "[::1]:8080".parse().expect("an address");
    Origin::of("fe80::1".parse().expect("an address"), local, false).write(&mut headers, Forwarded::Overwrite);
    assert_eq!(headers[FORWARDED], "for=\"[fe80::1]\";proto=http");
    assert_eq!(headers[HOST], "[::1]:8080");
}
