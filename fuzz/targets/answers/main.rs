//! What an app may answer over HTTP/1, and what of it reaches the client: a byte of settings, one for the pieces in which
//! it comes, and then the bytes of its connection.
//!
//! Both sides are held to [`answer`], a reader of our own: of the app's side as lenient as RFC 9112 allows, of the client's
//! not at all. Nothing that broke may look whole, and nothing of one answer be taken for another one.

#![no_main]

mod answer;
mod app;
mod hop;
mod rules;

use libfuzzer_sys::fuzz_target;

use self::hop::Plan;

fuzz_target!(|data: &[u8]| {
    let Some(([settings, step], said)) = data.split_first_chunk() else { return };
    let plan = Plan::of(*settings);
    let got = hop::pass(plan, said, usize::from(*step).max(1));
    rules::check(plan, said, &got);
});
