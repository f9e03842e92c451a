//! How a request enters the installation: what only its first proxy does.

use std::net::IpAddr;

use http::Request;
use ipnet::IpNet;

use super::{
    origin::Forwarded,
    trace::{self, Begin},
    via,
};
use crate::Failure;

/// What entering depends on.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Proxies in front of us, whose word about a request's origin is believed.
    pub trusted: Vec<IpNet>,
    /// What is done with a request that belongs to no trace.
    pub traces: Begin,
}

impl Entry {
    /// Refuses a request that runs in a circle, notes that it was here, and sees to its trace. Tells how the word of
    /// `peer`, who sent it, is taken.
    ///
    /// # Errors
    /// [`Failure::Loop`].
    pub fn admit<B>(&self, request: &mut Request<B>, peer: IpAddr) -> Result<Forwarded, Failure> {
        let version = request.version();
        let headers = request.headers_mut();
        if via::in_circle(headers) {
            return Err(Failure::Loop);
        }
        via::add(headers, version);
        trace::follow(headers, self.traces);
        let trusted = self.trusted.iter().any(|network| network.contains(&peer));
        Ok(if trusted { Forwarded::Append } else { Forwarded::Overwrite })
    }
}
