//! Whether an installed CRD is of this version: by the fields that it knows, for how a schema is written down is the API
//! server's affair.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// Fields that are named at most.
const NAMED_MAX: usize = 3;

/// How the fields of the installed one differ from those of our own.
pub enum Difference {
    /// It lacks some.
    Older(String),
    /// It has more.
    Newer(String),
}

/// Nothing where they are the same.
pub fn difference(own: &CustomResourceDefinition, installed: &CustomResourceDefinition) -> Option<Difference> {
    let (own, installed) = (fields(own), fields(installed));
    let (lacks, more) = (outermost(&own, &installed), outermost(&installed, &own));
    match (lacks.is_empty(), more.is_empty()) {
        (false, _) => Some(Difference::Older(named(&lacks))),
        (true, false) => Some(Difference::Newer(named(&more))),
        (true, true) => None,
    }
}

/// Fields of the one that the other does not have, of those within each other the outermost alone.
fn outermost<'a>(one: &'a BTreeSet<String>, other: &'a BTreeSet<String>) -> Vec<&'a str> {
    let known = |path: &str| path.rsplit_once('.').is_none_or(|(parent, _)| other.contains(parent));
    one.difference(other).map(String::as_str).filter(|path| known(path)).collect()
}

fn named(fields: &[&str]) -> String {
    let shown: Vec<_> = fields.iter().take(NAMED_MAX).map(|field| format!("`{field}`")).collect();
    let rest = fields.len().saturating_sub(NAMED_MAX);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// Paths of all fields of the first version, such as `spec.rollout.steps`.
fn fields(crd: &CustomResourceDefinition) -> BTreeSet<String> {
    let schema = crd.spec.versions.first().and_then(|version| version.schema.as_ref()?.open_api_v3_schema.clone());
    let schema = serde_json::to_value(schema).unwrap_or_default();
    let mut paths = BTreeSet::new();
    collect(&schema, "", &mut paths);
    paths
}

fn collect(schema: &Value, at: &str, paths: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        collect(field, &path, paths);
        paths.insert(path);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], at, paths);
    }
}
