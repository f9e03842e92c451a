//! After `101 Switching Protocols`: bytes are carried both ways until both sides have closed.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::listen::ConnInfo;

/// Splices client and upstream in a task of its own. `guard` and the connection count as live until it ends, which is
/// when both directions have closed, one has failed, or the listener's grace is over.
pub(crate) fn splice(client: OnUpgrade, upstream: OnUpgrade, info: ConnInfo, guard: impl Send + 'static) {
    tokio::spawn(async move {
        let carry = async {
            let (client, upstream) = tokio::try_join!(client, upstream).ok()?;
            let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await.ok()
        };
        tokio::select! {
            _ = carry => {}
            () = info.cut() => {}
        }
        drop(guard);
    });
}
