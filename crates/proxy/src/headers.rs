//! Header rules: what is refused at the door, what belongs to one hop only, and what is said about a request's origin.
//!
//! Pure functions on heads. Rules are quoted by their section of RFC 9110 (semantics), 9112 (HTTP/1.1), 9113 (HTTP/2).

mod door;
mod entry;
mod fields;
pub mod grpc;
mod hop;
mod origin;
mod outcome;
mod own;
mod trace;
mod trailers;
mod via;

pub use self::{
    door::{authority, check, expects_continue},
    entry::Entry,
    hop::{PLACES, REFUSED},
    origin::Forwarded,
    outcome::Outcome,
    own::own,
    trace::{Begin, TRACEPARENT, TRACESTATE},
};
pub(crate) use self::{
    hop::{from_request, from_response, has_token},
    origin::Origin,
    trailers::from_trailers,
};
