//! From the files of a Secret to a certificate that can be shown.

use std::{fmt, sync::Arc};

use anyhow::{Context as _, anyhow, ensure};
use proxy::tls::{Identity, Names, PROTOCOLS};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::NoServerSessionStorage,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::secret::Files;

/// A certificate, its key and for how long it is good, in Unix seconds.
pub(crate) struct Certificate {
    pub(crate) identity: Arc<Identity>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?}, {}..{})", self.identity.names, self.not_before, self.not_after)
    }
}

/// Makes certificates of files.
pub(crate) struct Reader(Arc<CryptoProvider>);

impl Default for Reader {
    fn default() -> Self {
        Self(Arc::new(ring::default_provider()))
    }
}

impl Reader {
    /// # Errors
    /// What is wrong with which file; nothing of what is in it.
    pub(crate) fn read(&self, files: &Files) -> anyhow::Result<Certificate> {
        // What the parser says of a wrong line is the line itself.
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&files.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| anyhow!("tls.crt is not PEM"))?;
        let leaf = chain.first().context("tls.crt has no certificate")?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| anyhow!("tls.crt has no X.509 certificate"))?;
        let names = names(&leaf)?;
        ensure!(!names.is_empty(), "the certificate in tls.crt names no host (subjectAltName)");
        let (not_before, not_after) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
        let key =
            PrivateKeyDer::from_pem_slice(&files.key).map_err(|_| anyhow!("tls.key has no private key in PEM"))?;
        let config = self.config(chain, key)?;
        Ok(Certificate { identity: Arc::new(Identity { names, config }), not_before, not_after })
    }

    fn config(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> anyhow::Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.0))
            .with_safe_default_protocol_versions()
            .context("TLS 1.2 and 1.3")?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|cause| match cause {
                rustls::Error::InconsistentKeys(_) => anyhow!("tls.key is not the key of the certificate in tls.crt"),
                other => anyhow!("tls.key cannot be used: {other}"),
            })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // Tickets need no memory of ours. Their key is this certificate's: with another one, sessions begin anew.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = ring::Ticketer::new().context("a key for session tickets")?;
        Ok(Arc::new(config))
    }
}

/// The DNS names; the subject's common name is none (RFC 9525, 2).
fn names(certificate: &X509Certificate<'_>) -> anyhow::Result<Names> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| anyhow!("the certificate in tls.crt has a subjectAltName that cannot be read"))?;
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    Ok(names.filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None }).collect())
}
