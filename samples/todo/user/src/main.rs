//! Answers the name of the user. Which name is a matter of its version: the environment's `NAME`. A version with
//! `FAIL_EVERY=5` is a bad one: every fifth request gets a 500.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};
use todo_kit::{Answer, Asked, TEXT, answer};

/// Where it listens when `PORT` says nothing.
const PORT: u16 = 3002;
/// The user when `NAME` says nothing.
const NAME: &str = "秦粤";

fn main() -> anyhow::Result<()> {
    let name = std::env::var("NAME").unwrap_or_else(|_| NAME.to_owned());
    let every = std::env::var("FAIL_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let count = Arc::new(AtomicU64::new(0));
    todo_kit::serve(PORT, move |asked| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = if fails(number, every) { broken() } else { route(&name, &asked) };
        async { answer }
    })
}

/// Whether this request, counted from 1, is one of those that fail; 0: none is.
fn fails(number: u64, every: u64) -> bool {
    every > 0 && number.is_multiple_of(every)
}

fn broken() -> Answer {
    answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "this version is broken\n")
}

/// The name at `/`, and nothing elsewhere.
fn route(name: &str, asked: &Asked) -> Answer {
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/") => answer(StatusCode::OK, TEXT, name.to_owned()),
        (_, "/") => answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered here\n"),
        _ => answer(StatusCode::NOT_FOUND, TEXT, "there is only / here\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fifth_fails() {
        let failed: Vec<u64> = (1..=12).filter(|number| fails(*number, 5)).collect();
        assert_eq!(failed, [5, 10]);
        assert!(!fails(5, 0));
    }

    #[test]
    fn answers_the_name_at_the_root_only() {
        let asked = |method, path: &str| Asked { method, path: path.to_owned(), body: Vec::new().into() };
        assert_eq!(route("粤秦D", &asked(Method::GET, "/")).status(), StatusCode::OK);
        assert_eq!(route("粤秦D", &asked(Method::POST, "/")).status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(route("粤秦D", &asked(Method::GET, "/favicon.ico")).status(), StatusCode::NOT_FOUND);
    }
}
