//! After `101 Switching Protocols`: bytes are carried both ways until both sides have closed.

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::InspectReader;

use crate::{idle::Idle, listen::ConnInfo};

/// Splices client and upstream in a task of its own. `guard` and the connection count as live until it ends, which is
/// when both directions have closed, one has failed, nothing has moved for as long as `idle` says, or the listener's
/// grace is over.
pub(crate) fn splice(
    client: OnUpgrade,
    upstream: OnUpgrade,
    idle: Option<Idle>,
    info: ConnInfo,
    guard: impl Send + 'static,
) {
    tokio::spawn(async move {
        let carry = async {
            let (client, upstream) = tokio::try_join!(client, upstream).ok()?;
            let (mut client, mut upstream) = (watched(client, idle.as_ref()), watched(upstream, idle.as_ref()));
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await.ok()
        };
        let stalled = async {
            match &idle {
                Some(idle) => idle.over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = carry => {}
            () = stalled => {}
            () = info.cut() => {}
        }
        drop(guard);
    });
}

/// Whatever is read on either side moves.
fn watched(io: Upgraded, idle: Option<&Idle>) -> impl AsyncRead + AsyncWrite + Unpin {
    InspectReader::new(TokioIo::new(io), move |_: &[u8]| {
        if let Some(idle) = idle {
            idle.moved();
        }
    })
}
