//! The initializer: a POST that the app answers once, before the pod takes requests.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, StatusCode, Version, header::HOST};
use http_body_util::{BodyExt as _, Collected, Limited};
use proxy::{
    Body,
    net::Dial,
    upstream::{Pool, PoolLimits},
};
use serde::Deserialize;
use tokio::{sync::watch, time::timeout};

use crate::{config::Config, serve::app_address};

/// Of an answer that says no: what is read, and what is shown.
const TEXT_MAX: usize = 64 << 10;
const SHOWN_MAX: usize = 200;

/// What to send, and for how long to wait.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Initializer {
    path: String,
    timeout_seconds: f64,
}

impl Initializer {
    /// `None` if the text is no initializer.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let read: Self = serde_json::from_str(text).ok()?;
        let fits = read.path.starts_with('/') && read.timeout_seconds > 0.0 && read.timeout_seconds < 1e9;
        fits.then_some(read)
    }
}

/// Why the pod cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("initializer POST {path}: answered {status}: {text}")]
    Status { path: String, status: StatusCode, text: String },
    #[error("initializer POST {path}: no answer within {seconds} s")]
    Timeout { path: String, seconds: f64 },
    #[error("initializer POST {path}: {cause}")]
    Broken { path: String, cause: String },
}

/// Passes on whether the app answers; the first time only after the initializer, if there is one, was answered 2xx.
pub(crate) async fn run(
    config: Arc<Config>,
    dial: impl Dial,
    mut answers: watch::Receiver<bool>,
    ready: watch::Sender<bool>,
) -> Result<(), Failed> {
    if let Some(initializer) = &config.initializer {
        if answers.wait_for(|answers| *answers).await.is_err() {
            return Ok(());
        }
        let pool = Pool::with_dial(PoolLimits::default(), dial);
        post(initializer, &config, &pool).await?;
        tracing::info!(path = initializer.path, "initialized");
    }
    loop {
        ready.send_replace(*answers.borrow_and_update());
        if answers.changed().await.is_err() {
            return Ok(());
        }
    }
}

async fn post(initializer: &Initializer, config: &Config, pool: &Pool<impl Dial>) -> Result<(), Failed> {
    let Initializer { path, timeout_seconds: seconds } = initializer;
    let broken = |cause: String| Failed::Broken { path: path.clone(), cause };
    let request = request(path, config).map_err(|cause| broken(cause.to_string()))?;
    let answered = async {
        let sent = pool.send(app_address(config), config.protocol, request).await;
        let (head, body) = sent.map_err(|cause| cause.to_string())?.into_parts();
        if head.status.is_success() {
            return Ok(None);
        }
        // A long text is as good as none.
        let text = Limited::new(body, TEXT_MAX).collect().await.map(Collected::to_bytes).unwrap_or_default();
        Ok(Some((head.status, text)))
    };
    match timeout(Duration::from_secs_f64(*seconds), answered).await {
        Err(_) => Err(Failed::Timeout { path: path.clone(), seconds: *seconds }),
        Ok(Err(cause)) => Err(broken(cause)),
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some((status, text)))) => Err(Failed::Status { path: path.clone(), status, text: shown(&text) }),
    }
}

fn request(path: &str, config: &Config) -> http::Result<Request<Body>> {
    let mut request = Request::builder().method(Method::POST).uri(path).body(Body::empty())?;
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().insert(HOST, HeaderValue::try_from(app_address(config).to_string())?);
    Ok(request)
}

/// The first line, as far as it is short.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN_MAX)]);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_initializer_is_refused() {
        let good = Initializer::from_json(r#"{"path":"/initialize","timeoutSeconds":30}"#).unwrap();
        assert_eq!((good.path.as_str(), good.timeout_seconds), ("/initialize", 30.0));
        for bad in ["", "{}", r#"{"path":"x","timeoutSeconds":30}"#, r#"{"path":"/","timeoutSeconds":0}"#] {
            assert_eq!(Initializer::from_json(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_long_answer_is_shown_by_its_beginning() {
        assert_eq!(shown(b"no database\nat line 7"), "no database");
        assert_eq!(shown(&[b'x'; 1000]).len(), SHOWN_MAX);
    }
}
