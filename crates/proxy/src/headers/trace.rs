//! The trace that a request belongs to (W3C Trace Context, level 2).

use http::{HeaderMap, HeaderName, HeaderValue};

/// Names the trace and the span that sent the request.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What others keep with it.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Bytes of version 00: `00-TRACE-PARENT-FLAGS`.
const LENGTH: usize = 55;

/// What is done with a request that belongs to no trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: whoever is asked next may begin one.
    Never,
    /// It gets one that need not be recorded.
    #[default]
    Unsampled,
    /// It gets one that is to be recorded.
    Sampled,
}

/// Leaves a trace as it came, and begins one where there is none that could be followed.
pub(super) fn follow(headers: &mut HeaderMap, begin: Begin) {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (parent, another) = (parents.next(), parents.next());
    if another.is_none() && parent.is_some_and(|parent| is_valid(parent.as_bytes())) {
        return;
    }
    headers.remove(TRACEPARENT);
    // 3.3.1.1: without its parent a state means nothing.
    headers.remove(TRACESTATE);
    let sampled = match begin {
        Begin::Never => return,
        Begin::Unsampled => false,
        Begin::Sampled => true,
    };
    // Not zero, which is no id.
    let (trace, span) = (u128::from(random()) << 64 | u128::from(random()), random());
    headers.insert(TRACEPARENT, parent_of(trace, span, sampled));
}

/// 2.2.2 and 4.3: a later version may have more behind a dash; what is no text in it, whoever reads traces cannot read.
fn is_valid(parent: &[u8]) -> bool {
    let Some((first, more)) = parent.split_at_checked(LENGTH) else { return false };
    let [v, w, b'-', rest @ ..] = first else { return false };
    let (trace, rest) = rest.split_at(32);
    let [b'-', rest @ ..] = rest else { return false };
    let (span, rest) = rest.split_at(16);
    let [b'-', flags @ ..] = rest else { return false };
    let version = [*v, *w];
    let known = more.is_empty() || (version != *b"00" && more[0] == b'-' && more.is_ascii());
    let zero = |id: &[u8]| id.iter().all(|digit| *digit == b'0');
    known
        && version != *b"ff"
        && [&version, trace, span, flags].iter().all(|part| part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        && !zero(trace)
        && !zero(span)
}

fn random() -> u64 {
    fastrand::u64(..) | 1
}

fn parent_of(trace: u128, span: u64, sampled: bool) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    for (at, byte) in trace.to_be_bytes().into_iter().enumerate() {
        hex(&mut text[3 + 2 * at..], byte);
    }
    for (at, byte) in span.to_be_bytes().into_iter().enumerate() {
        hex(&mut text[36 + 2 * at..], byte);
    }
    text[LENGTH - 1] += u8::from(sampled);
    HeaderValue::from_bytes(&text).expect("digits and dashes are a header value")
}

fn hex(text: &mut [u8], byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text[0] = DIGITS[usize::from(byte >> 4)];
    text[1] = DIGITS[usize::from(byte & 15)];
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn after(parents: &[&str], begin: Begin) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
        }
        headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
        follow(&mut headers, begin);
        headers
    }

    #[test]
    fn a_trace_is_left_as_it_came() {
        let later = format!("cc{}", &GOOD[2..]);
        for parent in [GOOD, &GOOD.replace("-01", "-ff"), &later, &format!("{later}-what.may.come")] {
            let headers = after(&[parent], Begin::Sampled);
            assert_eq!(headers[TRACEPARENT], parent);
            assert_eq!(headers[TRACESTATE], "a=b");
        }
    }

    #[test]
    fn what_is_no_trace_is_replaced() {
        let bad = [
            String::new(),
            GOOD.to_uppercase(),
            GOOD.replace("4bf9", "4bg9"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace('-', "_"),
            format!("ff{}", &GOOD[2..]),
            format!("{GOOD}-more"),
            format!("cc{}.more", &GOOD[2..]),
            GOOD[..54].to_owned(),
        ];
        for parent in &bad {
            let headers = after(&[parent], Begin::Unsampled);
            assert_ne!(headers[TRACEPARENT], parent.as_str());
            assert!(is_valid(headers[TRACEPARENT].as_bytes()), "{headers:?}");
            assert!(!headers.contains_key(TRACESTATE), "{parent}");
        }
        let binary = [b"cc", &GOOD.as_bytes()[2..], b"-\x85"].concat();
        assert!(!is_valid(&binary));
        let twice = after(&[GOOD, GOOD], Begin::Unsampled);
        assert_eq!(twice.get_all(TRACEPARENT).iter().count(), 1);
        assert_ne!(twice[TRACEPARENT], GOOD);
    }

    #[test]
    fn a_trace_begins_as_it_is_told() {
        let flags = |begin| {
            let headers = after(&[], begin);
            headers.get(TRACEPARENT).map(|parent| parent.to_str().unwrap()[52..].to_owned())
        };
        assert_eq!(flags(Begin::Unsampled).as_deref(), Some("-00"));
        assert_eq!(flags(Begin::Sampled).as_deref(), Some("-01"));
        assert_eq!(flags(Begin::Never), None);
        assert_ne!(after(&[], Begin::Sampled), after(&[], Begin::Sampled));
        let text = parent_of(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true);
        assert_eq!(text, GOOD);
    }
}
