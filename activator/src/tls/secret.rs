//! A Secret as it is read from the API server: of its data the two files that matter, and never in a log.

use std::fmt;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::Deserialize;

use crate::table::lean::meta;

/// A Secret of type `kubernetes.io/tls`.
#[derive(Debug, Clone, Deserialize, Resource)]
#[resource(inherit = Secret)]
pub(crate) struct LeanSecret {
    #[serde(deserialize_with = "meta")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    pub(crate) data: LeanData,
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct LeanData {
    #[serde(rename = "tls.crt")]
    certificate: Option<ByteString>,
    #[serde(rename = "tls.key")]
    key: Option<ByteString>,
}

/// The two files, as PEM.
#[derive(Hash)]
pub(crate) struct Files {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl LeanSecret {
    /// What is in it; a file that is missing is an empty one.
    pub(crate) fn files(&self) -> Files {
        let bytes = |file: &Option<ByteString>| file.as_ref().map_or_else(Vec::new, |file| file.0.clone());
        Files { certificate: bytes(&self.data.certificate), key: bytes(&self.data.key) }
    }
}

impl fmt::Debug for LeanData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeanData")
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
}

#[cfg(test)]
pub(crate) fn files(certificate: &str, key: &str) -> Files {
    Files { certificate: certificate.as_bytes().into(), key: key.as_bytes().into() }
}
