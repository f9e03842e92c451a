//! Who may speak on the hub: the cluster's side of the check.

use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::{Api, PostParams};

use crate::cluster::Stores;
use crate::hub::Verifier;
use crate::store::By;

/// Audience that an activator's token must be made for: a token stolen elsewhere is of no use here.
const AUDIENCE: &str = "todoapp-hub";

/// Answers from the stores, and asks the API server about tokens.
pub struct ClusterVerifier {
    /// What is known of the cluster.
    pub stores: Stores,
    /// The API server.
    pub client: kube::Client,
    /// Key from which each revision's is derived.
    pub master_key: [u8; 32],
    /// `system:serviceaccount:NAMESPACE:NAME` of the activators.
    pub activator_user: String,
}

impl Verifier for ClusterVerifier {
    fn revision_key(&self, uid: &str) -> Option<[u8; 32]> {
        let known = !self.stores.revisions.by(By::Uid, uid).is_empty();
        known.then(|| runtime::proof::revision_key(&self.master_key, uid))
    }

    fn confirms(&self, uid: &str, address: SocketAddr) -> bool {
        let address = address.ip().to_string();
        let slices = self.stores.slices.by(By::Revision, uid);
        slices.iter().flat_map(|slice| slice.endpoints.iter().flatten()).any(|e| e.addresses.contains(&address))
    }

    fn activator<'a>(&'a self, token: &'a str) -> BoxFuture<'a, anyhow::Result<bool>> {
        let review = TokenReview {
            spec: TokenReviewSpec { token: token.to_owned(), audiences: Some(vec![AUDIENCE.to_owned()]) },
            ..Default::default()
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        Box::pin(async move {
            let status = api.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
            let user = status.user.and_then(|u| u.username).unwrap_or_default();
            let meant_for_us = status.audiences.iter().flatten().any(|a| a == AUDIENCE);
            Ok(status.authenticated == Some(true) && meant_for_us && user == self.activator_user)
        })
    }
}
