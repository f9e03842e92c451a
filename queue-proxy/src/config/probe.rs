//! The app's readiness probe as Kubernetes writes it.

use std::time::Duration;

use serde::Deserialize;

/// What to ask the app, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) check: Check,
    /// For one attempt.
    pub(crate) timeout: Duration,
    /// Between attempts once the app has been ready.
    pub(crate) period: Duration,
    /// Attempts in a row that make it ready.
    pub(crate) successes: u32,
    /// Attempts in a row that make it not ready.
    pub(crate) failures: u32,
}

/// One kind of question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// A connection can be made. Also what an `httpGet` with scheme HTTPS comes to: no TLS is spoken here.
    Tcp { port: u16 },
    /// GET, answered by 200 to 399.
    Http { port: u16, path: String, headers: Vec<(String, String)> },
    /// `grpc.health.v1.Health/Check` says SERVING.
    Grpc { port: u16, service: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    http_get: Option<HttpGet>,
    tcp_socket: Option<TcpSocket>,
    grpc: Option<Grpc>,
    timeout_seconds: Option<u32>,
    period_seconds: Option<u32>,
    success_threshold: Option<u32>,
    failure_threshold: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpGet {
    path: Option<String>,
    port: Option<u16>,
    scheme: Option<String>,
    #[serde(default)]
    http_headers: Vec<Header>,
}

/// Of both Kubernetes takes a missing one for empty.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct TcpSocket {
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Grpc {
    port: Option<u16>,
    service: Option<String>,
}

impl Probe {
    /// `None` if the text is no probe with exactly one question. What it leaves out has Kubernetes' defaults.
    pub(super) fn from_json(text: &str, app_port: u16) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        let seconds = |written: Option<u32>, default: u32| {
            Duration::from_secs(written.filter(|n| *n > 0).unwrap_or(default).into())
        };
        let times = |written: Option<u32>, default| written.filter(|n| *n > 0).unwrap_or(default);
        Some(Self {
            timeout: seconds(written.timeout_seconds, 1),
            period: seconds(written.period_seconds, 10),
            successes: times(written.success_threshold, 1),
            failures: times(written.failure_threshold, 3),
            check: match (written.http_get, written.tcp_socket, written.grpc) {
                (Some(http), None, None) => http.check(app_port),
                (None, Some(tcp), None) => Check::Tcp { port: tcp.port.unwrap_or(app_port) },
                (None, None, Some(grpc)) => {
                    Check::Grpc { port: grpc.port.unwrap_or(app_port), service: grpc.service.unwrap_or_default() }
                }
                _ => return None,
            },
        })
    }
}

impl HttpGet {
    fn check(self, app_port: u16) -> Check {
        let port = self.port.unwrap_or(app_port);
        if self.scheme.is_some_and(|s| s.eq_ignore_ascii_case("https")) {
            return Check::Tcp { port };
        }
        let path = self.path.unwrap_or_default();
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        let headers = self.http_headers.into_iter();
        Check::Http { port, path, headers: headers.map(|header| (header.name, header.value)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Option<Check> {
        Probe::from_json(text, 80).map(|probe| probe.check)
    }

    #[test]
    fn every_kind_is_read() {
        assert_eq!(check(r#"{"tcpSocket":{}}"#), Some(Check::Tcp { port: 80 }));
        assert_eq!(
            check(r#"{"httpGet":{"path":"health","port":81,"httpHeaders":[{"name":"a","value":"b"}]}}"#),
            Some(Check::Http { port: 81, path: "/health".to_owned(), headers: vec![("a".to_owned(), "b".to_owned())] })
        );
        let bare = check(r#"{"httpGet":{"httpHeaders":[{"name":"a"}]}}"#);
        let headers = vec![("a".to_owned(), String::new())];
        assert_eq!(bare, Some(Check::Http { port: 80, path: "/".to_owned(), headers }));
        assert_eq!(check(r#"{"httpGet":{"path":"/","scheme":"HTTPS"}}"#), Some(Check::Tcp { port: 80 }));
        assert_eq!(
            check(r#"{"grpc":{"port":82,"service":"s"}}"#),
            Some(Check::Grpc { port: 82, service: "s".to_owned() })
        );
        assert_eq!(check(r#"{"tcpSocket":{},"grpc":{"port":1}}"#), None);
        assert_eq!(check("{}"), None);
    }

    #[test]
    fn zero_means_the_default_as_in_kubernetes() {
        let probe = Probe::from_json(r#"{"tcpSocket":{},"timeoutSeconds":0}"#, 80).expect("valid");
        assert_eq!(probe.timeout, Duration::from_secs(1));
        assert_eq!(probe.period, Duration::from_secs(10));
        assert_eq!((probe.successes, probe.failures), (1, 3));
    }
}
