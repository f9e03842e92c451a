//! Where a request has been (RFC 9110, 7.6.3).

use http::{HeaderMap, HeaderValue, Version, header::VIA};

/// Entries of ours at which a request is taken to run in a circle; an app that calls another through us adds one.
const PASSES_MAX: usize = 5;
const NAME: &[u8] = b"todoapp";

/// Whether the request has been here so often that it must be running in a circle.
pub(super) fn in_circle(headers: &HeaderMap) -> bool {
    let entries = headers.get_all(VIA).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let ours = entries.filter(|entry| {
        // Protocol, name, and perhaps a comment.
        entry.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1) == Some(NAME)
    });
    ours.take(PASSES_MAX).count() == PASSES_MAX
}

/// Adds us.
pub(super) fn add(headers: &mut HeaderMap, received: Version) {
    let entry = match received {
        Version::HTTP_2 => "2 todoapp",
        Version::HTTP_10 => "1.0 todoapp",
        _ => "1.1 todoapp",
    };
    headers.append(VIA, HeaderValue::from_static(entry));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (VIA, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn five_times_here_is_a_circle() {
        assert!(!in_circle(&HeaderMap::new()));
        assert!(!in_circle(&via(&["1.1 todoapp, 1.1 todoapp,2 todoapp", "1.0 todoapp (x)"])));
        let mut headers = HeaderMap::new();
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_11, Version::HTTP_11] {
            assert!(!in_circle(&headers));
            add(&mut headers, version);
        }
        assert!(in_circle(&headers));
        assert!(in_circle(&via(&["1.1 todoapp, 1.1 todoapp,2 todoapp", "1.0 todoapp (x) ,\tHTTP/1.1  todoapp"])));
    }

    #[test]
    fn others_may_be_passed_often() {
        assert!(!in_circle(&via(&["1.1 todoapp2, 1.1 mytodoapp, todoapp, 1.1 b (todoapp), ,"; 9])));
    }
}
