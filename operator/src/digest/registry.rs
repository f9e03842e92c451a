//! Asks registries which digests tags stand for.

use api::ResolvedImage;
use futures_util::future::try_join_all;
use oci_client::Client;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use policy::Registries;
use tokio::time::timeout;

use super::cause::{Cause, Problem};
use super::credentials::{Credential, Keyring};
use super::image::Image;
use super::wanted::Wanted;

/// Most credentials that are tried for one image.
const TRIES_MAX: usize = 4;

/// The digests of all, asked for side by side; of an image that several containers run, once.
pub async fn resolve(
    wanted: &[Wanted],
    keyring: &Keyring,
    registries: &Registries,
) -> Result<Vec<ResolvedImage>, Problem> {
    let first = |written: &str| wanted.iter().position(|other| other.written == written);
    let distinct = wanted.iter().enumerate().filter(|(at, one)| first(&one.written) == Some(*at)).map(|(_, one)| one);
    let resolved = try_join_all(distinct.map(|one| one_of(one, keyring, registries))).await?;
    let by_digest = |one: &Wanted| resolved.iter().find(|(written, _)| *written == one.written).map(|(_, image)| image);
    let entry = |one: &Wanted| Some(ResolvedImage { container: one.container.clone(), image: by_digest(one)?.clone() });
    Ok(wanted.iter().filter_map(entry).collect())
}

/// The image as written, and by digest.
async fn one_of<'a>(
    wanted: &'a Wanted,
    keyring: &Keyring,
    registries: &Registries,
) -> Result<(&'a str, String), Problem> {
    let limit = registries.timeout();
    let credentials = keyring.find(&wanted.image);
    let asked = timeout(limit, try_in_turn(&wanted.image, &credentials, registries)).await;
    asked.unwrap_or(Err(Cause::Timeout(limit))).map(|image| (wanted.written.as_str(), image)).map_err(|cause| {
        let mut tried: Vec<String> = credentials.iter().map(|one| format!("Secret '{}'", one.secret)).collect();
        tried.dedup();
        cause.problem(wanted, &tried, &keyring.unusable)
    })
}

/// With each of the credentials until one is not refused, or with none if there are none, as the kubelet pulls.
async fn try_in_turn(image: &Image, credentials: &[&Credential], registries: &Registries) -> Result<String, Cause> {
    let auth = |one: &&Credential| RegistryAuth::Basic(one.user.clone(), one.password.clone());
    let mut ways: Vec<RegistryAuth> = credentials.iter().take(TRIES_MAX).map(auth).collect();
    if ways.is_empty() {
        ways.push(RegistryAuth::Anonymous);
    }
    for way in &ways {
        match ask(image, way, registries).await {
            Err(Cause::Unauthorized) => {}
            answer => return answer,
        }
    }
    Err(Cause::Unauthorized)
}

/// A client a question: it would go on using the credentials that it was given first.
async fn ask(image: &Image, auth: &RegistryAuth, registries: &Registries) -> Result<String, Cause> {
    let cause = |error| Cause::of(&error, registries.timeout());
    let client = Client::try_from(config(registries)).map_err(cause)?;
    let digest = client.fetch_manifest_digest(&image.reference(), auth).await.map_err(cause)?;
    image.at(&digest).ok_or_else(|| Cause::Unreachable("what it gives is no digest".to_owned()))
}

/// Our images hold no certificates of the system: those of Mozilla are in the program.
fn config(registries: &Registries) -> ClientConfig {
    let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|certificate| certificate.to_vec());
    let trusted = mozilla.chain(registries.certificates());
    ClientConfig {
        protocol: ClientProtocol::HttpsExcept(registries.plain_http().to_vec()),
        tls_certs_only: trusted.map(|data| Certificate { encoding: CertificateEncoding::Der, data }).collect(),
        user_agent: concat!("todoapp-operator/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    }
}
