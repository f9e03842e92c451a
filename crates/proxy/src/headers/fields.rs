//! Names of fields: which are tokens, and removing those that have no business in a head.

use http::{HeaderMap, HeaderName};

/// RFC 9110, 5.6.2. The `http` crate takes a `"` in names of HTTP/2, which is none; to HTTP/1 it would be said as it is.
pub(super) fn is_token(name: &HeaderName) -> bool {
    !name.as_str().contains('"')
}

/// Removes the fields with such a name. Nearly always there is none, and nothing is copied.
pub(super) fn remove_all(headers: &mut HeaderMap, is_such: impl Fn(&HeaderName) -> bool) {
    if headers.keys().any(&is_such) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| is_such(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn of_the_bytes_of_names_the_crate_takes_one_too_many() {
        let is_tchar =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
        for byte in 0..=u8::MAX {
            let known = HeaderName::from_lowercase(&[b'a', byte]).is_ok_and(|name| is_token(&name));
            assert!(!known || is_tchar(byte), "{byte:#04x}");
        }
    }

    #[test]
    fn only_tokens_are_kept() {
        let mut headers = HeaderMap::new();
        for name in ["\"ost", "x-a", "a\""] {
            let name = HeaderName::from_lowercase(name.as_bytes()).expect("the crate takes it");
            headers.append(name.clone(), HeaderValue::from_static("1"));
            headers.append(name, HeaderValue::from_static("2"));
        }
        remove_all(&mut headers, |name| !is_token(name));
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-a"]);
        assert_eq!(headers.len(), 2);
    }
}
