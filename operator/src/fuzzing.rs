//! What the fuzz targets reach of this crate; in no other build.

use std::net::SocketAddr;

use api::Revision;
use clap::Parser as _;
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::Value;
use wire::Hello;

use crate::args::Args;
use crate::hub::{Verifier, verify};

/// The pod template of the revision's Deployment, or why there is none.
///
/// # Errors
/// What the revision's status would say.
pub fn weave(revision: &Revision) -> Result<Value, String> {
    let given = ["operator", "--namespace=sys", "--pod-name=p", "--pod-ip=10.0.0.1", "--queue-proxy-image=qp:1"];
    crate::revision::weave(revision, &Args::parse_from(given)).map_err(|error| error.to_string())
}

/// Whether the hub that said `nonce` believes a queue-proxy, with one revision in the cluster.
pub fn believes(hello: &Hello, nonce: &[u8; 32], master: [u8; 32], revision_uid: &str) -> bool {
    let verifier = OneRevision { master, revision_uid };
    verify(hello, nonce, &verifier).now_or_never().is_some_and(|verdict| verdict.is_ok())
}

struct OneRevision<'a> {
    master: [u8; 32],
    revision_uid: &'a str,
}

impl Verifier for OneRevision<'_> {
    fn revision_key(&self, uid: &str) -> Option<[u8; 32]> {
        (uid == self.revision_uid).then(|| runtime::proof::revision_key(&self.master, uid))
    }

    fn confirms(&self, _: &str, _: SocketAddr) -> bool {
        false
    }

    fn activator<'a>(&'a self, _: &'a str) -> BoxFuture<'a, anyhow::Result<bool>> {
        Box::pin(async { Ok(false) })
    }
}
