//! The todo API.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /todos` | 200, `[{"id":1,"title":"…","done":false}]`, oldest first |
//! | `POST /todos` with `{"title":"…"}` | 201, the new entry; 422 for a bad title; 409 when the list is full |
//! | `POST /todos/ID/done` | 200, the entry; 404 if there is none |
//!
//! The list is in memory, one a process: run exactly one.

mod todos;

use std::sync::Arc;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use todo_kit::{Answer, Asked, JSON, TEXT, answer};

use crate::todos::{ENTRIES_MAX, Refusal, TITLE_CHARS_MAX, Todos};

/// Where it listens when `PORT` says nothing.
const PORT: u16 = 3000;

/// Body of `POST /todos`.
#[derive(Debug, Deserialize)]
struct New {
    title: String,
}

fn main() -> anyhow::Result<()> {
    let todos = Arc::new(Mutex::new(Todos::default()));
    todo_kit::serve(PORT, move |asked| {
        let answer = route(&mut todos.lock(), &asked);
        async { answer }
    })
}

/// The whole API.
fn route(todos: &mut Todos, asked: &Asked) -> Answer {
    let parts: Vec<_> = asked.path.trim_matches('/').split('/').collect();
    match (&asked.method, parts.as_slice()) {
        (&Method::GET, ["todos"]) => json(StatusCode::OK, &todos.all()),
        (&Method::POST, ["todos"]) => match serde_json::from_slice::<New>(&asked.body) {
            Ok(new) => todos.add(&new.title).map_or_else(refuse, |todo| json(StatusCode::CREATED, &todo)),
            Err(error) => {
                answer(StatusCode::BAD_REQUEST, TEXT, format!("the body must be {{\"title\":\"…\"}}: {error}\n"))
            }
        },
        (&Method::POST, ["todos", id, "done"]) => match id.parse().ok().and_then(|id| todos.done(id)) {
            Some(todo) => json(StatusCode::OK, &todo),
            None => answer(StatusCode::NOT_FOUND, TEXT, format!("there is no todo {id}\n")),
        },
        (_, ["todos"] | ["todos", _, "done"]) => {
            answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "this method is not answered here\n")
        }
        _ => answer(StatusCode::NOT_FOUND, TEXT, "there is only /todos here\n"),
    }
}

/// Says which rule an entry would have broken.
fn refuse(refusal: Refusal) -> Answer {
    let (status, text) = match refusal {
        Refusal::Empty => (StatusCode::UNPROCESSABLE_ENTITY, "a todo must have a title\n".to_owned()),
        Refusal::Long => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("a title must be at most {TITLE_CHARS_MAX} characters\n"))
        }
        Refusal::Full => (StatusCode::CONFLICT, format!("the list is full: {ENTRIES_MAX} todos\n")),
    };
    answer(status, TEXT, text)
}

/// An answer in JSON.
fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).expect("the shapes of this program have no map with keys that are not text");
    answer(status, JSON, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(todos: &mut Todos, method: Method, path: &str, body: &'static str) -> StatusCode {
        route(todos, &Asked { method, path: path.to_owned(), body: body.into() }).status()
    }

    #[test]
    fn add_list_and_done() {
        let mut todos = Todos::default();
        assert_eq!(ask(&mut todos, Method::POST, "/todos", r#"{"title":"buy milk"}"#), StatusCode::CREATED);
        assert_eq!(ask(&mut todos, Method::POST, "/todos/1/done", ""), StatusCode::OK);
        assert_eq!(ask(&mut todos, Method::GET, "/todos", ""), StatusCode::OK);
        assert!(todos.all()[0].done);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_its_own_status() {
        let mut todos = Todos::default();
        assert_eq!(ask(&mut todos, Method::POST, "/todos", "title=x"), StatusCode::BAD_REQUEST);
        assert_eq!(ask(&mut todos, Method::POST, "/todos", r#"{"title":" "}"#), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ask(&mut todos, Method::POST, "/todos/7/done", ""), StatusCode::NOT_FOUND);
        assert_eq!(ask(&mut todos, Method::POST, "/todos/x/done", ""), StatusCode::NOT_FOUND);
        assert_eq!(ask(&mut todos, Method::DELETE, "/todos", ""), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(ask(&mut todos, Method::GET, "/", ""), StatusCode::NOT_FOUND);
        assert!(todos.all().is_empty());
    }
}
