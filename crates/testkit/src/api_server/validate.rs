//! Rules of the API server that our programs can meet.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kinds::Kind;
use super::refusal::Refusal;

/// A rule of a kind: looks at the object as it is to be and as it was; says which field is wrong, and why.
pub type Rule = fn(&Value, Option<&Value>) -> Result<(), (&'static str, String)>;

/// Checks an object against the rules of its kind.
pub fn check(kind: &Kind, new: &Value, old: Option<&Value>, more: &[Rule]) -> Result<(), Refusal> {
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    let own: &[Rule] = match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet") => &[selector_stays, selector_matches, has_containers_in_template],
        ("", "Pod") => &[has_containers],
        ("", "Service") => &[ports_differ],
        ("", "Secret") => &[immutable_stays],
        _ => &[],
    };
    let named: Rule = has_a_valid_name;
    for rule in std::iter::once(&named).chain(own).chain(more) {
        rule(new, old).map_err(|(field, why)| Refusal::invalid(kind, name, field, &why))?;
    }
    Ok(())
}

fn has_a_valid_name(new: &Value, _: Option<&Value>) -> Result<(), (&'static str, String)> {
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inside = name.chars().all(|c| plain(c) || c == '-' || c == '.');
    if name.len() <= 253 && inside && name.starts_with(plain) && name.ends_with(plain) {
        return Ok(());
    }
    let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
                start and end with an alphanumeric character";
    Err(("metadata.name", format!("Invalid value: \"{name}\": {rule}")))
}

fn selector_stays(new: &Value, old: Option<&Value>) -> Result<(), (&'static str, String)> {
    match old {
        Some(old) if old["spec"]["selector"] != new["spec"]["selector"] => {
            Err(("spec.selector", format!("Invalid value: {}: field is immutable", new["spec"]["selector"])))
        }
        _ => Ok(()),
    }
}

fn selector_matches(new: &Value, _: Option<&Value>) -> Result<(), (&'static str, String)> {
    let wanted = new["spec"]["selector"]["matchLabels"].as_object();
    let labels = &new["spec"]["template"]["metadata"]["labels"];
    match wanted {
        None => Err(("spec.selector", "Required value".to_owned())),
        Some(wanted) if wanted.iter().all(|(key, value)| labels.get(key) == Some(value)) => Ok(()),
        Some(_) => {
            let why = format!("Invalid value: {labels}: `selector` does not match template `labels`");
            Err(("spec.template.metadata.labels", why))
        }
    }
}

fn has_containers_in_template(new: &Value, _: Option<&Value>) -> Result<(), (&'static str, String)> {
    containers(&new["spec"]["template"]["spec"], "spec.template.spec.containers")
}

fn has_containers(new: &Value, _: Option<&Value>) -> Result<(), (&'static str, String)> {
    containers(&new["spec"], "spec.containers")
}

fn containers(spec: &Value, field: &'static str) -> Result<(), (&'static str, String)> {
    let list = spec["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let names: BTreeSet<_> = list.iter().filter_map(|container| container["name"].as_str()).collect();
    if list.is_empty() {
        return Err((field, "Required value".to_owned()));
    }
    if names.len() < list.len() {
        return Err((field, "Invalid value: each container must have a `name` of its own".to_owned()));
    }
    if list.iter().any(|container| container["image"].as_str().unwrap_or_default().is_empty()) {
        return Err((field, "Required value: each container must have an `image`".to_owned()));
    }
    Ok(())
}

fn ports_differ(new: &Value, _: Option<&Value>) -> Result<(), (&'static str, String)> {
    let ports = new["spec"]["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let names: BTreeSet<_> = ports.iter().map(|port| port["name"].as_str().unwrap_or_default()).collect();
    let numbers: BTreeSet<_> = ports.iter().map(|port| format!("{}/{}", port["port"], port["protocol"])).collect();
    if numbers.len() < ports.len() {
        return Err(("spec.ports", "Duplicate value: two ports of one number and protocol".to_owned()));
    }
    if names.len() < ports.len() {
        return Err(("spec.ports[].name", "Duplicate value: two ports of one name".to_owned()));
    }
    Ok(())
}

fn immutable_stays(new: &Value, old: Option<&Value>) -> Result<(), (&'static str, String)> {
    match old {
        Some(old) if old["immutable"] == true && (old["data"] != new["data"] || new["immutable"] != true) => {
            Err(("data", "Forbidden: field is immutable when `immutable` is set".to_owned()))
        }
        _ => Ok(()),
    }
}
