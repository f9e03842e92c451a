//! As what an answer counts.

use http::{HeaderMap, Response, StatusCode};

use super::grpc;

/// The status that an answer counts by: that of its head, of gRPC the one that its own stands for, which mostly comes
/// after the content. One of gRPC that ends without counts by its head.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    status: StatusCode,
    grpc: bool,
}

impl From<StatusCode> for Outcome {
    /// Of an answer of our own: however it is told, it counts as this.
    fn from(status: StatusCode) -> Self {
        Self { status, grpc: false }
    }
}

impl Outcome {
    /// Of the head of an answer; `grpc` says that gRPC was asked for, so that nothing is looked up for others.
    pub fn of<B>(response: &Response<B>, grpc: bool) -> Self {
        let (head, grpc) = (response.headers(), grpc && grpc::is_grpc(response.headers()));
        let told = if grpc { grpc::status(head) } else { None };
        Self { status: told.unwrap_or_else(|| response.status()), grpc }
    }

    /// The status.
    pub const fn status(self) -> StatusCode {
        self.status
    }

    /// What came after the content; whether that turned what looked good into an error of the server.
    pub fn ended(&mut self, trailers: &HeaderMap) -> bool {
        let told = if self.grpc { grpc::status(trailers) } else { None };
        told.is_some_and(|told| self.turn(told))
    }

    /// The answer broke; whether that is news. A client of gRPC takes it for INTERNAL, of HTTP it has its status.
    pub fn broken(&mut self) -> bool {
        if self.grpc {
            return self.turn(StatusCode::INTERNAL_SERVER_ERROR);
        }
        !self.status.is_server_error()
    }

    fn turn(&mut self, told: StatusCode) -> bool {
        let before = std::mem::replace(&mut self.status, told);
        told.is_server_error() && !before.is_server_error()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn trailers(status: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(grpc::STATUS, HeaderValue::from_static(status))])
    }

    fn answer(status: u16, kind: &'static str, told: Option<&'static str>) -> Response<()> {
        let mut response = Response::builder().status(status).header("content-type", kind).body(()).unwrap();
        if let Some(told) = told {
            response.headers_mut().extend(trailers(told));
        }
        response
    }

    #[test]
    fn only_of_grpc_its_own_status_counts() {
        for (grpc, kind, told, expected) in [
            (true, "application/grpc", Some("14"), 503),
            (true, "application/grpc", Some("5"), 404),
            (true, "application/grpc", Some("0"), 200),
            (true, "application/grpc", None, 200),
            // An answer of the app's own, or one to who did not ask for gRPC.
            (true, "text/html", Some("14"), 200),
            (false, "application/grpc", Some("14"), 200),
        ] {
            let outcome = Outcome::of(&answer(200, kind, told), grpc);
            assert_eq!(outcome.status(), expected, "{grpc} {kind} {told:?}");
        }
        assert_eq!(Outcome::of(&answer(502, "application/grpc", None), true).status(), 502);
    }

    #[test]
    fn what_comes_at_the_end_is_news_once() {
        let begun = |grpc| Outcome::of(&answer(200, "application/grpc", None), grpc);
        let mut outcome = begun(true);
        assert!(outcome.ended(&trailers("13")) && !outcome.broken());
        assert_eq!(outcome.status(), 500);
        let mut outcome = begun(true);
        assert!(!outcome.ended(&trailers("7")));
        assert_eq!(outcome.status(), 403);
        let mut outcome = begun(true);
        assert!(outcome.broken() && !outcome.broken());
        assert_eq!(outcome.status(), 500);
        let mut outcome = begun(false);
        assert!(!outcome.ended(&trailers("13")) && outcome.broken());
        assert_eq!(outcome.status(), 200);
    }
}
