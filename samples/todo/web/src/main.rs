//! The page of the todo application: a greeting, the list, and two forms.
//!
//! Holds no state: the name comes from the service `user`, the list from the service `rule`, both asked at every
//! request. Either may be asleep; the platform wakes it while the page waits.

mod backend;
mod page;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderValue, LOCATION};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use todo_kit::{Answer, Asked, HTML, TEXT, answer};

use crate::backend::{Backend, Failure, Reply};

/// Where it listens when `PORT` says nothing.
const PORT: u16 = 3001;

/// One entry of the list, as `rule` tells it.
#[derive(Debug, Deserialize)]
struct Todo {
    id: u64,
    title: String,
    done: bool,
}

/// The services behind the page.
struct Web {
    rule: Backend,
    user: Backend,
}

fn main() -> anyhow::Result<()> {
    let web = Arc::new(Web {
        rule: Backend::from_env("rule", "RULE_URL", "http://rule/")?,
        user: Backend::from_env("user", "USER_URL", "http://user/")?,
    });
    todo_kit::serve(PORT, move |asked| {
        let web = Arc::clone(&web);
        async move { web.route(asked).await.unwrap_or_else(|failure| sorry(&failure)) }
    })
}

impl Web {
    /// The whole site.
    async fn route(&self, asked: Asked) -> Result<Answer, Failure> {
        let parts: Vec<_> = asked.path.trim_matches('/').split('/').collect();
        match (&asked.method, parts.as_slice()) {
            (&Method::GET, [""]) => self.show().await,
            (&Method::POST, ["todos"]) => {
                let body = json!({ "title": title(&asked.body) }).to_string();
                Ok(back_to_the_list(&self.rule.post("/todos", body.into()).await?))
            }
            (&Method::POST, ["todos", id, "done"]) if id.parse::<u64>().is_ok() => {
                Ok(back_to_the_list(&self.rule.post(&format!("/todos/{id}/done"), Bytes::new()).await?))
            }
            _ => Ok(answer(StatusCode::NOT_FOUND, TEXT, "there is no such page\n")),
        }
    }

    /// The page itself. Both services are asked at once, so that two sleepers take no longer than one.
    async fn show(&self) -> Result<Answer, Failure> {
        let (name, todos) = tokio::join!(self.user.get("/"), self.rule.get("/todos"));
        let name = name?;
        let todos: Vec<Todo> = serde_json::from_slice(&todos?).map_err(|error| self.rule.failed(&error))?;
        Ok(answer(StatusCode::OK, HTML, page::list(&String::from_utf8_lossy(&name), &todos)))
    }
}

/// The field `title` of a form (`application/x-www-form-urlencoded`); empty if there is none.
fn title(form: &[u8]) -> String {
    form_urlencoded::parse(form)
        .find(|(key, _)| key == "title")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// After a form: to the list again if `rule` agreed, so that a reload repeats nothing; else what it said.
fn back_to_the_list(reply: &Reply) -> Answer {
    if reply.status.is_success() {
        let mut answer = answer(StatusCode::SEE_OTHER, TEXT, "see /\n");
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
        return answer;
    }
    answer(reply.status, HTML, page::notice("That did not work", &String::from_utf8_lossy(&reply.body)))
}

/// 502, for a service behind the page that gave no useful answer.
fn sorry(failure: &Failure) -> Answer {
    answer(StatusCode::BAD_GATEWAY, HTML, page::notice("Sorry, a part of this page is missing", &failure.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_decoded_from_the_form() {
        assert_eq!(title(b"title=buy+milk%21"), "buy milk!");
        assert_eq!(title("title=%E7%B2%A4".as_bytes()), "粤");
        assert_eq!(title(b"other=1"), "");
    }

    #[test]
    fn a_refused_form_shows_what_was_said_and_a_taken_one_redirects() {
        let reply = |status, body: &'static str| Reply { status, body: body.into() };
        let taken = back_to_the_list(&reply(StatusCode::CREATED, "{}"));
        assert_eq!((taken.status(), taken.headers()[LOCATION].as_bytes()), (StatusCode::SEE_OTHER, &b"/"[..]));
        let refused = back_to_the_list(&reply(StatusCode::UNPROCESSABLE_ENTITY, "a todo must have a title"));
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[tokio::test]
    async fn a_missing_service_is_a_bad_gateway_that_names_it() {
        // Port 0 accepts no connection anywhere.
        let gone = |name| Backend::new(name, "http://127.0.0.1:0/").unwrap();
        let web = Web { rule: gone("rule"), user: gone("user") };
        let asked = Asked { method: Method::GET, path: "/".into(), body: Bytes::new() };
        let failure = web.route(asked).await.unwrap_err();
        assert!(failure.to_string().starts_with("The service user gave no useful answer: "), "{failure}");
        assert_eq!(sorry(&failure).status(), StatusCode::BAD_GATEWAY);
    }
}
