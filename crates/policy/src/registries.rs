//! Which registries are asked what a tag stands for, and how.

use std::time::Duration;

use api::scaling::duration;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::check;

/// Registries whose images come to nodes by hand: Knative's list (pkg/deployment/config.go), and our own images.
const SKIP: [&str; 4] = ["kind.local", "ko.local", "dev.local", "todoapp.local"];
/// For how long a registry may take to answer for one revision; Knative's default.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most entries of a list.
const LIST_MAX: usize = 100;

/// Settings of the resolution of tags.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registries {
    /// Whether tags are resolved at all. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolve: Option<bool>,
    /// Registries, as HOST or HOST:PORT, whose images are run as written. Default: [`SKIP`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<Vec<String>>,
    /// Registries, as HOST or HOST:PORT, that are asked over HTTP instead of HTTPS. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_http: Option<Vec<String>>,
    /// Certificates, as PEM, of authorities that are trusted besides Mozilla's. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// Time limit of the answers for one revision. Range 1s to 1m. Default 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<kube::core::Duration>,
}

impl Registries {
    /// Whether images of this registry are run as written.
    pub fn skips(&self, registry: &str) -> bool {
        let listed = self.skip.as_ref().map(|list| list.iter().any(|entry| entry == registry));
        !self.resolve.unwrap_or(true) || listed.unwrap_or_else(|| SKIP.contains(&registry))
    }

    /// Registries that are asked over HTTP.
    pub fn plain_http(&self) -> &[String] {
        self.plain_http.as_deref().unwrap_or_default()
    }

    /// The trusted certificates, as DER.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        let pem = self.certificate_authority.as_deref().unwrap_or_default();
        CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(|found| Some(found.ok()?.to_vec())).collect()
    }

    /// Time limit of the answers for one revision.
    pub fn timeout(&self) -> Duration {
        duration(self.timeout).unwrap_or(TIMEOUT)
    }

    /// Names the first field that is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        hosts("skip", self.skip.as_deref())?;
        hosts("plainHttp", self.plain_http.as_deref())?;
        if let Some(pem) = &self.certificate_authority {
            authorities(pem)?;
        }
        check::time("timeout", duration(self.timeout), Duration::from_secs(1)..=Duration::from_mins(1))
    }
}

fn hosts(field: &str, list: Option<&[String]>) -> Result<(), String> {
    let list = list.unwrap_or_default();
    if list.len() > LIST_MAX {
        return Err(format!("{field} has {} entries: must have at most {LIST_MAX}", list.len()));
    }
    let is_host = |entry: &str| {
        let (host, port) = entry.split_once(':').unwrap_or((entry, "1"));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    match list.iter().position(|entry| !is_host(entry)) {
        Some(at) => Err(format!(
            "{field}[{at}] is '{}': must be a registry as HOST or HOST:PORT, in small letters, such as `registry.example:5000`",
            list[at]
        )),
        None => Ok(()),
    }
}

fn authorities(pem: &str) -> Result<(), String> {
    let wrong = |what: String| {
        Err(format!(
            "certificateAuthority {what}: must be certificates as PEM, each from `-----BEGIN CERTIFICATE-----` to \
             `-----END CERTIFICATE-----`"
        ))
    };
    let mut count = 0;
    for found in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        count += 1;
        let Ok(der) = found else { return wrong(format!("cannot be read from block {count} on")) };
        if webpki::anchor_from_trusted_cert(&der).is_err() {
            return wrong(format!("has no certificate in block {count}"));
        }
    }
    if count == 0 { wrong("holds no certificate".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_nodes_have_without_a_registry_are_run_as_written() {
        let default = Registries::default();
        assert!(
            ["todoapp.local", "kind.local", "ko.local", "dev.local"].iter().all(|registry| default.skips(registry))
        );
        assert!(!default.skips("docker.io") && !default.skips("registry.example:5000"));
        let own = Registries { skip: Some(vec!["registry.example:5000".to_owned()]), ..Registries::default() };
        assert!(own.skips("registry.example:5000") && !own.skips("registry.example") && !own.skips("kind.local"));
        assert!(Registries { resolve: Some(false), ..own }.skips("docker.io"));
    }
}
