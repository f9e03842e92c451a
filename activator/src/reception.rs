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
        let authority = headers::authority(request).unwrap_or_default();
        match connection.secure() {
            Some(secure) if !secure.covers(&host(authority)) => Err(Failure::Misdirected),
            None if door == Door::Public => {
                Ok(self.redirect.as_ref().and_then(|redirect| redirect.answer(request, connection)))
            }
            _ => Ok(None),
        }
    }
}
