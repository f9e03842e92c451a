//! What a request meets before it is routed: whether it came to the right door, and what is noted of it.

use std::sync::Arc;

use http::{Request, Response};
use proxy::{
    Body, Failure,
    headers::{self, Entry},
    listen::ConnInfo,
};

use crate::{
    access::Access,
    route::{Door, host},
    tls::Redirect,
};

/// What is done at the door.
#[derive(Default)]
pub(crate) struct Reception {
    pub(crate) entry: Entry,
    pub(crate) redirect: Option<Redirect>,
    pub(crate) access: Option<Arc<Access>>,
}

impl Reception {
    /// The answer to a request that has to come again over TLS; `None`: it may go on.
    ///
    /// # Errors
    /// [`Failure::Misdirected`]: the certificate of its connection is not its host's.
    pub(crate) fn meet<B>(
        &self,
        door: Door,
        request: &Request<B>,
        connection: &ConnInfo,
    ) -> Result<Option<Response<Body>>, Failure> {
        if let Some(secure) = connection.secure() {
            let covers = secure.covers(&host(headers::authority(request).unwrap_or_default()));
            return if covers { Ok(None) } else { Err(Failure::Misdirected) };
        }
        let redirect = self.redirect.as_ref().filter(|_| door == Door::Public);
        // A proxy in front that ends TLS itself would be sent in a circle.
        let redirect = redirect.filter(|_| !self.entry.came_by_https(request.headers(), connection.peer.ip()));
        Ok(redirect.and_then(|redirect| redirect.answer(request)))
    }
}
