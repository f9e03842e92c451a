//! Why an image has no digest: what happened, which of the reasons that is, and what a person can do. Pure.

use std::error::Error;
use std::time::Duration;

use oci_client::errors::{OciDistributionError, OciErrorCode};

use super::wanted::Wanted;

/// Every reason of a [`Problem`]: as the revision's condition has them.
pub const REASONS: [&str; 5] = [UNAUTHORIZED, NOT_FOUND, TIMEOUT, UNREACHABLE, CREDENTIALS];
const UNAUTHORIZED: &str = "ImageUnauthorized";
const NOT_FOUND: &str = "ImageNotFound";
const TIMEOUT: &str = "RegistryTimeout";
const UNREACHABLE: &str = "RegistryUnreachable";
const CREDENTIALS: &str = "CredentialsUnreadable";

/// Why a revision's images are not resolved, for its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One of [`REASONS`].
    pub reason: &'static str,
    /// Container, image and registry, and what to do.
    pub message: String,
}

/// What happened to one question. Of an answer no text is kept: where it came from is for its sender to say, and he is
/// not to read here what the operator can reach and he cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// 401, 403, or no token.
    Unauthorized,
    /// 404.
    NotFound,
    /// No answer within this time.
    Timeout(Duration),
    /// Anything else, in short.
    Unreachable(String),
}

impl Cause {
    /// Reads it off the client's error; `limit` is the time that the question had.
    pub fn of(error: &OciDistributionError, limit: Duration) -> Self {
        use OciDistributionError as E;
        match error {
            E::UnauthorizedError { .. } | E::AuthenticationFailure(_) | E::ServerError { code: 401 | 403, .. } => {
                Self::Unauthorized
            }
            E::ImageManifestNotFoundError(_) | E::ServerError { code: 404, .. } => Self::NotFound,
            E::ServerError { code, .. } => Self::Unreachable(format!("it answers {code}")),
            E::RegistryError { envelope, .. } => match envelope.errors.first().map(|error| &error.code) {
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => Self::Unauthorized,
                Some(OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound) => {
                    Self::NotFound
                }
                Some(OciErrorCode::Toomanyrequests) => Self::Unreachable("it has had too many requests".to_owned()),
                _ => Self::Unreachable("it answers with an error".to_owned()),
            },
            E::RequestError(error) if error.is_timeout() => Self::Timeout(limit),
            E::RequestError(error) => Self::Unreachable(innermost(error)),
            _ => Self::Unreachable("what it answers is not as the OCI distribution specification has it".to_owned()),
        }
    }

    /// The problem that this is. `tried`: Secrets whose credentials were refused; `unusable`: what else there is to know
    /// about the credentials.
    pub fn problem(&self, wanted: &Wanted, tried: &[String], unusable: &[String]) -> Problem {
        let Wanted { container, written, image } = wanted;
        let registry = image.registry();
        let more = unusable.iter().map(String::as_str);
        let told = match self {
            Self::Unauthorized if tried.is_empty() => format!(
                "registry '{registry}' wants credentials for it: name a Secret with them in `imagePullSecrets` of the \
                 template or of its service account; an image that does not exist may be refused like this as well{}",
                [""].into_iter().chain(more).collect::<Vec<_>>().join("; ")
            ),
            Self::Unauthorized => format!(
                "registry '{registry}' refuses the credentials of {}: they must be right, and allow to pull it",
                tried.join(" and ")
            ),
            Self::NotFound => {
                format!("registry '{registry}' does not have it: push it, or correct its name or tag")
            }
            Self::Timeout(limit) => format!(
                "registry '{registry}' did not answer within {limit:?}: the operator must be able to reach it, unless \
                 it is in `skip` of the cluster's setting `registries`"
            ),
            Self::Unreachable(why) => format!(
                "registry '{registry}' cannot be asked ({why}): see `skip`, `plainHttp` and `certificateAuthority` of \
                 the cluster's setting `registries`"
            ),
        };
        Problem { reason: self.reason(), message: format!("container '{container}', image '{written}': {told}") }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unauthorized => UNAUTHORIZED,
            Self::NotFound => NOT_FOUND,
            Self::Timeout(_) => TIMEOUT,
            Self::Unreachable(_) => UNREACHABLE,
        }
    }
}

impl Problem {
    /// The API server does not hand out what has the credentials.
    pub fn credentials(why: impl std::fmt::Display) -> Self {
        let message = format!("the credentials for its images cannot be read: {why}");
        Self { reason: CREDENTIALS, message }
    }

    /// The work ended without a word.
    pub fn broken() -> Self {
        Self {
            reason: UNREACHABLE,
            message: "asking the registries ended with an error of the operator's own".to_owned(),
        }
    }
}

/// The last cause says most: "connection refused", "invalid peer certificate: `UnknownIssuer`".
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use oci_client::errors::OciEnvelope;

    use super::super::image::Image;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn wanted() -> Wanted {
        let written = "registry.example/team/app:1".to_owned();
        Wanted { container: "app".to_owned(), image: Image::parse(&written).expect("valid"), written }
    }

    fn told(cause: &Cause, tried: &[&str], unusable: &[&str]) -> (&'static str, String) {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let problem = cause.problem(&wanted(), &owned(tried), &owned(unusable));
        (problem.reason, problem.message)
    }

    #[test]
    fn each_cause_names_container_image_and_registry_and_what_to_do() {
        let who = "container 'app', image 'registry.example/team/app:1': registry 'registry.example'";
        let setting = "the cluster's setting `registries`";
        let cases = [
            (Cause::Unauthorized, &["Secret 'pull'"][..], &[][..], "ImageUnauthorized",
                "refuses the credentials of Secret 'pull': they must be right, and allow to pull it".to_owned()),
            (Cause::Unauthorized, &[], &["Secret 'x' does not exist"], "ImageUnauthorized",
                "wants credentials for it: name a Secret with them in `imagePullSecrets` of the template or of its \
                 service account; an image that does not exist may be refused like this as well; Secret 'x' does not exist"
                    .to_owned()),
            (Cause::NotFound, &[], &[], "ImageNotFound", "does not have it: push it, or correct its name or tag".to_owned()),
            (Cause::Timeout(LIMIT), &[], &[], "RegistryTimeout",
                format!("did not answer within 10s: the operator must be able to reach it, unless it is in `skip` of {setting}")),
            (Cause::Unreachable("connection refused".to_owned()), &[], &[], "RegistryUnreachable",
                format!("cannot be asked (connection refused): see `skip`, `plainHttp` and `certificateAuthority` of {setting}")),
        ];
        for (cause, tried, unusable, reason, expected) in cases {
            assert_eq!(told(&cause, tried, unusable), (reason, format!("{who} {expected}")));
            assert!(REASONS.contains(&reason));
        }
    }

    #[test]
    fn answers_are_sorted_and_nothing_of_their_text_is_repeated() {
        let server = |code| OciDistributionError::ServerError { code, url: "u".into(), message: "secret".into() };
        let envelope = |code: &str| {
            let text = format!(r#"{{"errors": [{{"code": "{code}", "message": "secret"}}]}}"#);
            let envelope: OciEnvelope = serde_json::from_str(&text).expect("an envelope");
            OciDistributionError::RegistryError { envelope, url: "u".into() }
        };
        let unreachable = |why: &str| Cause::Unreachable(why.to_owned());
        for (error, expected) in [
            (server(401), Cause::Unauthorized),
            (server(403), Cause::Unauthorized),
            (server(404), Cause::NotFound),
            (server(502), unreachable("it answers 502")),
            (OciDistributionError::AuthenticationFailure("secret".into()), Cause::Unauthorized),
            (envelope("DENIED"), Cause::Unauthorized),
            (envelope("MANIFEST_UNKNOWN"), Cause::NotFound),
            (envelope("NAME_UNKNOWN"), Cause::NotFound),
            (envelope("TOOMANYREQUESTS"), unreachable("it has had too many requests")),
            (envelope("secret"), unreachable("it answers with an error")),
        ] {
            assert_eq!(Cause::of(&error, LIMIT), expected, "{error}");
        }
    }
}
