//! Public names of apps and tags, as the cluster's settings form them.

use serde::{Deserialize, Serialize};

/// Longest label of a DNS name, in bytes (RFC 1035, 2.3.4).
const LABEL_MAX: usize = 63;
/// Longest DNS name in letters, in bytes; that of the CRD's own hosts.
const NAME_MAX: usize = 253;

/// How public hosts are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hosts {
    /// What `{domain}` stands for.
    pub domain: String,
    /// Host of an app, of `{name}`, `{namespace}` and `{domain}`.
    pub template: String,
    /// What stands for `{name}` in the host of a tag, of `{tag}` and `{name}`.
    pub tag_template: String,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            domain: "todoapp.local".to_owned(),
            template: "{name}.{namespace}.{domain}".to_owned(),
            tag_template: "{tag}-{name}".to_owned(),
        }
    }
}

impl Hosts {
    /// Host of an app.
    ///
    /// # Errors
    /// Says why it cannot be a host; the parts may be too long together.
    pub fn app(&self, name: &str, namespace: &str) -> Result<String, String> {
        let host = fill(&self.template, &[("name", name), ("namespace", namespace), ("domain", &self.domain)]);
        match fault(&host) {
            None => Ok(host),
            Some(fault) => Err(format!("'{host}' is no host, for {fault}; `hosts.template` is '{}'", self.template)),
        }
    }

    /// Host of a tag of an app.
    ///
    /// # Errors
    /// As [`Self::app`].
    pub fn tag(&self, tag: &str, name: &str, namespace: &str) -> Result<String, String> {
        self.app(&fill(&self.tag_template, &[("tag", tag), ("name", name)]), namespace)
    }

    /// Names the first field that is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(fault) = fault(&self.domain) {
            return Err(format!("domain is '{}': must be a DNS name in lower case, but {fault}", self.domain));
        }
        check("template", &self.template, &["name", "namespace", "domain"], &["name"])?;
        check("tagTemplate", &self.tag_template, &["tag", "name"], &["tag", "name"])
    }
}

/// A template has known placeholders alone, those that tell apps and tags apart among them, and makes a DNS name.
fn check(field: &str, template: &str, known: &[&str], needed: &[&str]) -> Result<(), String> {
    let all = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
    if let Some(name) = needed.iter().find(|name| !template.contains(&format!("{{{name}}}"))) {
        return Err(format!("{field} is '{template}': must contain {{{name}}}"));
    }
    let filled = fill(template, &known.iter().map(|name| (*name, "a")).collect::<Vec<_>>());
    match fault(&filled) {
        None => Ok(()),
        Some(fault) => Err(format!(
            "{field} is '{template}': must make a DNS name in lower case, but {fault}; its placeholders are {all}"
        )),
    }
}

fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// Why a text is no DNS name in lower case.
fn fault(host: &str) -> Option<String> {
    if host.len() > NAME_MAX {
        return Some(format!("it has {} characters and may have {NAME_MAX}", host.len()));
    }
    host.split('.').find_map(|label| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let ends = label.starts_with('-') || label.ends_with('-');
        match label.len() {
            0 => Some("it has an empty label".to_owned()),
            length if length > LABEL_MAX => {
                Some(format!("label '{label}' has {length} characters and may have {LABEL_MAX}"))
            }
            _ if ends || !label.bytes().all(inner) => {
                Some(format!("label '{label}' has other characters than 'a' to 'z', '0' to '9' and '-' between them"))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn apps_and_tags_are_named_as_the_templates_say() {
        let hosts = Hosts::default();
        assert_eq!(hosts.app("shop", "market").as_deref(), Ok("shop.market.todoapp.local"));
        assert_eq!(hosts.tag("blue", "shop", "market").as_deref(), Ok("blue-shop.market.todoapp.local"));
        let flat = Hosts {
            domain: "example.com".to_owned(),
            template: "{name}-{namespace}.apps.{domain}".to_owned(),
            tag_template: "{tag}.{name}".to_owned(),
        };
        assert_eq!(flat.app("shop", "market").as_deref(), Ok("shop-market.apps.example.com"));
        assert_eq!(flat.tag("blue", "shop", "market").as_deref(), Ok("blue.shop-market.apps.example.com"));
    }

    #[test]
    fn a_host_that_is_too_long_is_told_with_its_length() {
        let flat = Hosts { template: "{name}-{namespace}.{domain}".to_owned(), ..Hosts::default() };
        let told = flat.app(&"n".repeat(50), &"m".repeat(13)).expect_err("64 characters");
        let label = format!("{}-{}", "n".repeat(50), "m".repeat(13));
        let expected = format!(
            "'{label}.todoapp.local' is no host, for label '{label}' has 64 characters and may have 63; `hosts.template` is \
             '{{name}}-{{namespace}}.{{domain}}'"
        );
        assert_eq!(told, expected);
    }

    proptest! {
        #[test]
        fn a_host_is_a_dns_name_or_refused(name in "[a-z][-a-z0-9]{0,60}", namespace in "[a-z0-9][-a-z0-9]{0,62}") {
            let hosts = Hosts { template: "{name}-{namespace}.{domain}".to_owned(), ..Hosts::default() };
            if let Ok(host) = hosts.app(&name, &namespace) {
                prop_assert!(host.len() <= NAME_MAX);
                prop_assert!(host.split('.').all(|label| (1..=LABEL_MAX).contains(&label.len()) && !label.ends_with('-')));
            }
        }
    }
}
