//! Names of fields that are tokens (RFC 9110, 5.6.2).
//!
//! The `http` crate takes a `"` in those of HTTP/2, which is none; to HTTP/1 it would be said as it is.

use http::{HeaderMap, HeaderName};

pub(super) fn is_token(name: &HeaderName) -> bool {
    !name.as_str().contains('"')
}

/// Removes the fields whose names are none.
pub(crate) fn keep_tokens(headers: &mut HeaderMap) {
    if !headers.keys().all(is_token) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| !is_token(name)).cloned().collect();
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
        keep_tokens(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-a"]);
        assert_eq!(headers.len(), 2);
    }
}
