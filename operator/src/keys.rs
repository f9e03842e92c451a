//! The master key: a Secret of the installation, made at first start, from which each revision's key is derived.

use anyhow::{Context as _, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use ring::rand::SecureRandom;

const NAME: &str = "todoapp-master-key";
const FIELD: &str = "key";

/// The key of this installation; the first operator that asks makes it.
pub async fn master(client: kube::Client, namespace: &str) -> anyhow::Result<[u8; 32]> {
    let api: Api<Secret> = Api::namespaced(client, namespace);
    if let Some(secret) = api.get_opt(NAME).await.context("get Secret todoapp-master-key")? {
        return read(&secret);
    }
    let mut key = [0_u8; 32];
    ring::rand::SystemRandom::new().fill(&mut key).map_err(|_| anyhow::anyhow!("the system has no randomness"))?;
    let secret = Secret {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), ..Default::default() },
        data: Some([(FIELD.to_owned(), ByteString(key.to_vec()))].into()),
        ..Default::default()
    };
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(key),
        // Another operator was quicker.
        Err(kube::Error::Api(status)) if status.code == 409 => read(&api.get(NAME).await?),
        Err(error) => Err(error).context("create Secret todoapp-master-key"),
    }
}

fn read(secret: &Secret) -> anyhow::Result<[u8; 32]> {
    let bytes = secret.data.as_ref().and_then(|d| d.get(FIELD)).map_or(&[][..], |b| &b.0);
    ensure!(
        bytes.len() == 32,
        "Secret {NAME}: `{FIELD}` must be 32 bytes, not {}; delete it to have a new one made",
        bytes.len()
    );
    Ok(bytes.try_into()?)
}
