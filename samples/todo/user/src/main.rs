//! Answers the name of the user. Which name is a matter of its version: the environment's `NAME`.

use http::{Method, StatusCode};
use todo_kit::{Answer, Asked, TEXT, answer};

/// Where it listens when `PORT` says nothing.
const PORT: u16 = 3002;
/// The user when `NAME` says nothing.
const NAME: &str = "秦粤";

fn main() -> anyhow::Result<()> {
    let name = std::env::var("NAME").unwrap_or_else(|_| NAME.to_owned());
    todo_kit::serve(PORT, move |asked| {
        let answer = route(&name, &asked);
        async { answer }
    })
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
    fn answers_the_name_at_the_root_only() {
        let asked = |method, path: &str| Asked { method, path: path.to_owned(), body: Vec::new().into() };
        assert_eq!(route("粤秦D", &asked(Method::GET, "/")).status(), StatusCode::OK);
        assert_eq!(route("粤秦D", &asked(Method::POST, "/")).status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(route("粤秦D", &asked(Method::GET, "/favicon.ico")).status(), StatusCode::NOT_FOUND);
    }
}
