//! Tokens of service accounts, and the review of one (authentication.k8s.io/v1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Tokens that are good.
#[derive(Debug, Default)]
pub struct Tokens(BTreeMap<String, (String, Vec<String>)>);

impl Tokens {
    /// Makes a token good for a user and audiences.
    pub fn issue(&mut self, token: &str, user: &str, audiences: &[&str]) {
        let audiences = audiences.iter().map(|&audience| audience.to_owned()).collect();
        self.0.insert(token.to_owned(), (user.to_owned(), audiences));
    }

    /// It is good no more.
    pub fn revoke(&mut self, token: &str) {
        self.0.remove(token);
    }

    /// A TokenReview with its answer.
    pub fn review(&self, review: &Value) -> Value {
        let asked: Vec<_> =
            review["spec"]["audiences"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let known = self.0.get(review["spec"]["token"].as_str().unwrap_or_default());
        let meant = known.map(|(user, audiences)| {
            let both: Vec<_> = audiences.iter().filter(|&a| asked.is_empty() || asked.contains(&a.as_str())).collect();
            (user, both)
        });
        let status = match meant {
            Some((user, audiences)) if !audiences.is_empty() => {
                let groups = ["system:serviceaccounts", "system:authenticated"];
                json!({ "authenticated": true, "user": { "username": user, "groups": groups }, "audiences": audiences })
            }
            _ => json!({ "user": {}, "error": "token is not valid for the audiences asked for" }),
        };
        let mut answer = review.clone();
        answer["status"] = status;
        answer
    }
}
