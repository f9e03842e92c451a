//! The environment, checked once. An error names the variable, its value and what would be right.

mod probe;

use std::time::Duration;

use wire::Protocol;

use crate::initialize::Initializer;

pub(crate) use self::probe::{Check, Probe};

/// Everything that is told to a queue-proxy.
#[derive(Debug)]
pub struct Config {
    /// Proves that we speak for the revision.
    pub(crate) key: [u8; 32],
    /// `namespace/name`, for logs.
    pub(crate) revision: String,
    pub(crate) revision_uid: String,
    pub(crate) pod: String,
    /// `host:port`; none: nobody is told anything.
    pub(crate) hub: Option<String>,
    pub(crate) app_port: u16,
    pub(crate) protocol: Protocol,
    /// Requests in the app at a time; 0: any number.
    pub(crate) concurrency_limit: u32,
    pub(crate) request_timeout: Duration,
    /// For the head of the app's answer; none: as long as the request.
    pub(crate) response_start_timeout: Option<Duration>,
    /// Without movement; none: any time.
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) probe: Probe,
    pub(crate) initializer: Option<Initializer>,
    /// Requests after which the pod is replaced; 0: never.
    pub(crate) recycle_requests: u32,
    /// Age at which it is.
    pub(crate) recycle_age: Option<Duration>,
    /// How long it goes on meanwhile; none: no time.
    pub(crate) recycle_linger: Option<Duration>,
    log: String,
}

/// A variable that is missing or wrong: its name, its value, and what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Invalid {
    /// Not set.
    #[error("{0} is not set; it must be {1}")]
    Missing(&'static str, &'static str),
    /// Set to what cannot be used.
    #[error("{0} is {1:?}; it must be {2}")]
    Wrong(&'static str, String, &'static str),
    /// The value is secret.
    #[error("{0} has the wrong form; it must be {1}")]
    Secret(&'static str, &'static str),
}

/// As the API's.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

const A_PORT: &str = "a port number, 1 to 65535";
const A_LIMIT: &str = "a whole number, 0 for no limit";
const SECONDS: &str = "a number of seconds greater than 0, such as 300 or 0.5";
const A_PROTOCOL: &str = "http1 or h2c";
const A_PROBE: &str = "a readiness probe in JSON, such as {\"httpGet\":{\"path\":\"/health\"}}";
const AN_INITIALIZER: &str = "an initializer in JSON, such as {\"path\":\"/initialize\",\"timeoutSeconds\":30}";
const A_KEY: &str = "64 hexadecimal digits";

impl Config {
    /// Reads it through `get`, which gives the value of a variable.
    ///
    /// # Errors
    /// The first variable that is missing or wrong.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let text = |name, what| get(name).ok_or(Invalid::Missing(name, what));
        let app_port = parse(&get, "TODOAPP_APP_PORT", A_PORT, None, |port: &u16| *port > 0)?;
        let request_timeout = seconds(&get, "TODOAPP_REQUEST_TIMEOUT_SECONDS")?;
        let limit = parse(&get, "TODOAPP_CONCURRENCY_LIMIT", A_LIMIT, Some(0), |_: &u32| true)?;
        Ok(Self {
            key: runtime::proof::key_from_hex(&text("TODOAPP_KEY", A_KEY)?)
                .ok_or(Invalid::Secret("TODOAPP_KEY", A_KEY))?,
            revision: text("TODOAPP_REVISION", "namespace/name of the revision")?,
            revision_uid: text("TODOAPP_REVISION_UID", "the uid of the revision")?,
            pod: text("HOSTNAME", "the name of the pod")?,
            hub: get("TODOAPP_HUB").filter(|hub| !hub.is_empty()),
            app_port,
            protocol: protocol(get("TODOAPP_PROTOCOL"))?,
            concurrency_limit: limit,
            request_timeout: request_timeout.unwrap_or(REQUEST_TIMEOUT),
            response_start_timeout: seconds(&get, "TODOAPP_RESPONSE_START_TIMEOUT_SECONDS")?,
            idle_timeout: seconds(&get, "TODOAPP_IDLE_TIMEOUT_SECONDS")?,
            probe: readiness(get("TODOAPP_READINESS"), app_port)?,
            initializer: initializer(get("TODOAPP_INITIALIZER"))?,
            recycle_requests: parse(&get, "TODOAPP_RECYCLE_REQUESTS", A_LIMIT, Some(0), |_: &u32| true)?,
            recycle_age: seconds(&get, "TODOAPP_RECYCLE_AGE_SECONDS")?,
            recycle_linger: seconds(&get, "TODOAPP_RECYCLE_LINGER_SECONDS")?,
            log: get("TODOAPP_LOG").unwrap_or_else(|| "info".to_owned()),
        })
    }

    /// What is logged: a filter as tracing-subscriber reads it.
    pub fn log(&self) -> &str {
        &self.log
    }
}

fn parse<T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    what: &'static str,
    default: Option<T>,
    fits: impl Fn(&T) -> bool,
) -> Result<T, Invalid> {
    let Some(value) = get(name) else {
        return default.ok_or(Invalid::Missing(name, what));
    };
    match value.parse() {
        Ok(parsed) if fits(&parsed) => Ok(parsed),
        _ => Err(Invalid::Wrong(name, value, what)),
    }
}

/// A span that may be left out.
fn seconds(get: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<Duration>, Invalid> {
    if get(name).is_none() {
        return Ok(None);
    }
    let seconds = parse(get, name, SECONDS, None, |seconds: &f64| *seconds > 0.0 && *seconds < 1e9)?;
    Ok(Some(Duration::from_secs_f64(seconds)))
}

fn protocol(value: Option<String>) -> Result<Protocol, Invalid> {
    match value.as_deref() {
        None | Some("http1") => Ok(Protocol::Http1),
        Some("h2c") => Ok(Protocol::H2c),
        Some(_) => Err(Invalid::Wrong("TODOAPP_PROTOCOL", value.unwrap_or_default(), A_PROTOCOL)),
    }
}

fn initializer(value: Option<String>) -> Result<Option<Initializer>, Invalid> {
    let Some(value) = value else { return Ok(None) };
    let read = Initializer::from_json(&value);
    read.map(Some).ok_or(Invalid::Wrong("TODOAPP_INITIALIZER", value, AN_INITIALIZER))
}

fn readiness(value: Option<String>, app_port: u16) -> Result<Probe, Invalid> {
    let value = value.unwrap_or_else(|| r#"{"tcpSocket":{}}"#.to_owned());
    Probe::from_json(&value, app_port).ok_or(Invalid::Wrong("TODOAPP_READINESS", value, A_PROBE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changes: &[(&str, &str)]) -> Result<Config, Invalid> {
        let key = "ab".repeat(32);
        let plain = [
            ("TODOAPP_KEY", key.as_str()),
            ("TODOAPP_REVISION", "default/user-00001"),
            ("TODOAPP_REVISION_UID", "uid"),
            ("HOSTNAME", "user-00001-abc"),
            ("TODOAPP_APP_PORT", "3002"),
        ];
        Config::from_env(|name| {
            let mut all = changes.iter().chain(&plain);
            let (_, value) = all.find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        })
    }

    #[test]
    fn defaults_are_those_of_the_api() {
        let config = config(&[]).expect("valid");
        assert_eq!(config.hub, None);
        assert_eq!(config.protocol, Protocol::Http1);
        assert_eq!(config.concurrency_limit, 0);
        assert_eq!(config.request_timeout, Duration::from_mins(5));
        assert_eq!((config.response_start_timeout, config.idle_timeout), (None, None));
        assert_eq!(config.probe.check, Check::Tcp { port: 3002 });
    }

    #[test]
    fn errors_say_what_would_be_right() {
        let said = |name, value| config(&[(name, value)]).expect_err("invalid").to_string();
        assert_eq!(said("TODOAPP_APP_PORT", "0"), r#"TODOAPP_APP_PORT is "0"; it must be a port number, 1 to 65535"#);
        assert_eq!(said("TODOAPP_PROTOCOL", "h3"), r#"TODOAPP_PROTOCOL is "h3"; it must be http1 or h2c"#);
        assert!(said("TODOAPP_REQUEST_TIMEOUT_SECONDS", "-1").contains("greater than 0"));
        assert!(said("TODOAPP_RESPONSE_START_TIMEOUT_SECONDS", "0").contains("greater than 0"));
        assert!(said("TODOAPP_IDLE_TIMEOUT_SECONDS", "soon").contains("greater than 0"));
        assert!(said("TODOAPP_CONCURRENCY_LIMIT", "x").contains("whole number"));
        assert!(said("TODOAPP_READINESS", "{").contains("probe in JSON"));
        assert!(said("TODOAPP_INITIALIZER", "{}").contains("initializer in JSON"));
        let secret = said("TODOAPP_KEY", "abc");
        assert!(!secret.contains("abc"), "{secret}");
        let nothing = Config::from_env(|_| None).expect_err("invalid");
        assert!(nothing.to_string().contains("is not set"), "{nothing}");
    }
}
