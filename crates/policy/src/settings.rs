//! The cluster's own settings, from one ConfigMap: of scaling, what holds where an app says nothing, and limits that no
//! app may exceed; how public hosts are named; how tags of images are resolved; which Revisions are kept.

use std::collections::BTreeMap;

use api::Scaling;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::hosts::Hosts;
use crate::read::{self, Error};
use crate::{Registries, Retention, check};

/// Key of the ConfigMap under which the defaults are, as YAML with the fields of `spec.scaling`.
const DEFAULTS: &str = "defaults";
/// Key of the ConfigMap under which the limits are, as YAML.
const LIMITS: &str = "limits";
/// Key of the ConfigMap under which the naming of hosts is, as YAML.
const HOSTS: &str = "hosts";
/// Key of the ConfigMap under which the resolution of tags is set, as YAML.
const REGISTRIES: &str = "registries";
/// Key of the ConfigMap under which the garbage collection of Revisions is set, as YAML.
const RETENTION: &str = "retention";
/// All of them.
const KEYS: [&str; 5] = [DEFAULTS, LIMITS, HOSTS, REGISTRIES, RETENTION];

/// Settings of the cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// What an app that leaves a field open gets.
    pub defaults: Scaling,
    /// What no app may exceed.
    pub limits: Limits,
    /// How public hosts are named.
    pub hosts: Hosts,
    /// How tags of images are resolved.
    pub registries: Registries,
    /// Which Revisions are kept.
    pub retention: Retention,
}

/// What no app may exceed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Most pods of a revision, whatever its `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

impl Settings {
    /// Reads the data of the ConfigMap.
    ///
    /// # Errors
    /// Names the key, the field, its value, and what would be right.
    pub fn parse(data: &BTreeMap<String, String>) -> Result<Self, String> {
        if let Some(unknown) = data.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("`{unknown}` is no key; there are `{}`", KEYS.join("`, `")));
        }
        let settings = Self {
            defaults: section(data, DEFAULTS)?,
            limits: section(data, LIMITS)?,
            hosts: section(data, HOSTS)?,
            registries: section(data, REGISTRIES)?,
            retention: section(data, RETENTION)?,
        };
        if !settings.defaults.schedules.is_empty() {
            return Err(format!(
                "{DEFAULTS}.schedules is set: only an app can have them, in its `spec.scaling.schedules`"
            ));
        }
        check::scaling(&settings.defaults).map_err(|problem| format!("{DEFAULTS}.{problem}"))?;
        check::limits(&settings.limits).map_err(|problem| format!("{LIMITS}.{problem}"))?;
        settings.hosts.check().map_err(|problem| format!("{HOSTS}.{problem}"))?;
        settings.registries.check().map_err(|problem| format!("{REGISTRIES}.{problem}"))?;
        settings.retention.check().map_err(|problem| format!("{RETENTION}.{problem}"))?;
        Ok(settings)
    }
}

fn section<T: DeserializeOwned + Serialize + Default>(data: &BTreeMap<String, String>, key: &str) -> Result<T, String> {
    read::section(data.get(key).map_or("", String::as_str)).map_err(|error| match error {
        Error::Yaml(error) => format!("`{key}` is not YAML: {error}"),
        Error::Kind(error) => format!("`{key}`: {error}"),
        Error::Unknown(field) => format!("`{key}.{field}` is no setting"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(defaults: &str, limits: &str) -> Result<Settings, String> {
        Settings::parse(&[(DEFAULTS.to_owned(), defaults.to_owned()), (LIMITS.to_owned(), limits.to_owned())].into())
    }

    #[test]
    fn nothing_set_is_valid() {
        assert_eq!(Settings::parse(&BTreeMap::new()), Ok(Settings::default()));
        assert_eq!(parse("", "{}\n"), Ok(Settings::default()));
        assert_eq!(parse("max:\n", "# nothing\n"), Ok(Settings::default()));
    }

    #[test]
    fn what_is_set_is_read() {
        let settings = parse("window: 30s\nburst: {windowPercent: 20}\n", "max: 40").expect("valid");
        assert_eq!(settings.limits.max, Some(40));
        assert_eq!(settings.defaults.window, Some(std::time::Duration::from_secs(30).into()));
        assert_eq!(settings.defaults.burst.and_then(|burst| burst.window_percent), Some(20.0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_what_would_be_right() {
        for (defaults, limits, expected) in [
            ("max: 0", "", "defaults.max is 0: must be from 1 to 1000"),
            ("target: 0", "", "defaults.target is 0: must be from 0.01 to 100000"),
            ("window: 1s", "", "defaults.window is 1s: must be from 6s to 1h"),
            ("rates: {up: 1}", "", "defaults.rates.up is 1: must be more than 1 and at most 100000"),
            ("min: 5\nmax: 3", "", "defaults.min is 5: must not be greater than `max`, which is 3"),
            ("windwo: 60s", "", "`defaults.windwo` is no setting"),
            ("burst: {treshold: 3}", "", "`defaults.burst.treshold` is no setting"),
            (
                "schedules: [{start: '08:00', end: '18:00', min: 1}]",
                "",
                "defaults.schedules is set: only an app can have them, in its `spec.scaling.schedules`",
            ),
            ("", "max: 2000", "limits.max is 2000: must be from 1 to 1000"),
        ] {
            assert_eq!(parse(defaults, limits), Err(expected.to_owned()));
        }
        let told = parse("max: many", "").expect_err("no number");
        assert!(told.starts_with("`defaults`: ") && told.contains("many"), "{told}");
        let told = parse("{", "").expect_err("no YAML");
        assert!(told.starts_with("`defaults` is not YAML: "), "{told}");
        let told = Settings::parse(&[("default".to_owned(), String::new())].into()).expect_err("no key");
        assert_eq!(told, "`default` is no key; there are `defaults`, `limits`, `hosts`, `registries`, `retention`");
    }

    #[test]
    fn hosts_are_read_and_what_is_wrong_with_them_is_named() {
        let parse = |hosts: &str| Settings::parse(&[(HOSTS.to_owned(), hosts.to_owned())].into()).map(|s| s.hosts);
        assert_eq!(parse(""), Ok(Hosts::default()));
        let read = parse("domain: example.com\ntemplate: '{name}.{domain}'\n").expect("valid");
        assert_eq!((read.domain.as_str(), read.template.as_str()), ("example.com", "{name}.{domain}"));
        for (hosts, expected) in [
            (
                "domain: Example.com",
                "hosts.domain is 'Example.com': must be a DNS name in lower case, but label 'Example' has other \
                 characters than 'a' to 'z', '0' to '9' and '-' between them",
            ),
            ("domain: .com", "hosts.domain is '.com': must be a DNS name in lower case, but it has an empty label"),
            ("template: '{namespace}.{domain}'", "hosts.template is '{namespace}.{domain}': must contain {name}"),
            (
                "template: '{name}.{zone}'",
                "hosts.template is '{name}.{zone}': must make a DNS name in lower case, but label '{zone}' has other \
                 characters than 'a' to 'z', '0' to '9' and '-' between them; its placeholders are {name}, {namespace}, \
                 {domain}",
            ),
            ("tagTemplate: '{name}'", "hosts.tagTemplate is '{name}': must contain {tag}"),
            ("tagTemplate: '{tag}'", "hosts.tagTemplate is '{tag}': must contain {name}"),
            ("domian: example.com", "`hosts.domian` is no setting"),
            ("domain: 7", "`hosts`: domain: invalid type: integer `7`, expected a string"),
        ] {
            assert_eq!(parse(hosts), Err(expected.to_owned()));
        }
    }

    fn parse_key(key: &str, text: &str) -> Result<Settings, String> {
        Settings::parse(&[(key.to_owned(), text.to_owned())].into())
    }

    /// Of an authority; made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a`.
    const CERTIFICATE: &str = include_str!("registries/authority.pem");

    #[test]
    fn registries_and_retention_are_read() {
        let indented = CERTIFICATE.replace('\n', "\n  ");
        let text =
            format!("skip: [a.example]\nplainHttp: ['b:5000']\ntimeout: 3s\ncertificateAuthority: |\n  {indented}");
        let registries = parse_key(REGISTRIES, &text).expect("valid").registries;
        assert!(registries.skips("a.example") && !registries.skips("todoapp.local"));
        assert_eq!(registries.plain_http(), ["b:5000"]);
        assert_eq!((registries.certificates().len(), registries.timeout().as_secs()), (1, 3));
        let retention = parse_key(RETENTION, "min: 2\nmax: 5\nsinceUnrouted: 1h").expect("valid").retention;
        assert_eq!((retention.min, retention.max), (Some(2), Some(5)));
    }

    #[test]
    fn what_is_wrong_with_registries_and_retention_is_named() {
        let host = "must be a registry as HOST or HOST:PORT, in small letters, such as `registry.example:5000`";
        let pem = "must be certificates as PEM, each from `-----BEGIN CERTIFICATE-----` to `-----END CERTIFICATE-----`";
        let garbage = "certificateAuthority: |\n  -----BEGIN CERTIFICATE-----\n  AAAA\n  -----END CERTIFICATE-----\n";
        for (key, text, expected) in [
            (REGISTRIES, "skip: [https://a]", format!("registries.skip[0] is 'https://a': {host}")),
            (REGISTRIES, "plainHttp: [a, 'b:0']", format!("registries.plainHttp[1] is 'b:0': {host}")),
            (REGISTRIES, "timeout: 0s", "registries.timeout is 0s: must be from 1s to 1m".to_owned()),
            (
                REGISTRIES,
                "certificateAuthority: x",
                format!("registries.certificateAuthority holds no certificate: {pem}"),
            ),
            (REGISTRIES, garbage, format!("registries.certificateAuthority has no certificate in block 1: {pem}")),
            (REGISTRIES, "insecure: true", "`registries.insecure` is no setting".to_owned()),
            (RETENTION, "min: 5\nmax: 3", "retention.min is 5: must not be greater than `max`, which is 3".to_owned()),
            (
                RETENTION,
                "sinceCreated: 90000h",
                "retention.sinceCreated is 90000h: must be from 0s to 87600h".to_owned(),
            ),
            (RETENTION, "keep: 3", "`retention.keep` is no setting".to_owned()),
        ] {
            assert_eq!(parse_key(key, text), Err(expected));
        }
        let told = parse_key(REGISTRIES, "resolve: maybe").expect_err("no boolean");
        assert!(told.starts_with("`registries`: resolve: ") && told.contains("maybe"), "{told}");
    }
}
