//! The documents of a file.

use kube::core::GroupVersionKind;
use serde_json::Value;

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// File and place in it, for messages.
    pub origin: String,
    /// What it is.
    pub kind: GroupVersionKind,
    /// `metadata.name`.
    pub name: String,
    /// All of it.
    pub object: Value,
}

impl Document {
    /// As kubectl names an object.
    pub fn shown(&self) -> String {
        let GroupVersionKind { group, kind, .. } = &self.kind;
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        format!("{}{group}/{}", kind.to_lowercase(), self.name)
    }

    /// Where it goes: its own namespace, which must be the one that was asked for, or else `default`.
    ///
    /// # Errors
    /// It names another namespace than the one that was asked for.
    pub fn namespace(&self, asked: Option<&str>, default: &str) -> Result<String, String> {
        match (self.object["metadata"]["namespace"].as_str(), asked) {
            (Some(own), Some(asked)) if own != asked => {
                let own = format!("`metadata.namespace` is `{own}`");
                Err(format!("{}: {own}: must be `{asked}`, as --namespace says, or be left out", self.origin))
            }
            (own, asked) => Ok(own.or(asked).unwrap_or(default).to_owned()),
        }
    }
}

/// Reads YAML or JSON. Empty documents are skipped, the items of a `List` are documents by themselves.
///
/// # Errors
/// Names file, document and field, and what would be right.
pub fn read(file: &str, text: &str) -> Result<Vec<Document>, String> {
    let parsed: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| format!("{file}: not YAML: {error}"))?;
    let mut documents = Vec::new();
    for (n, object) in (1..).zip(parsed.into_iter().filter(|object| !object.is_null())) {
        let origin = format!("{file}, document {n}");
        match (object["kind"].as_str(), object["items"].as_array()) {
            (Some("List"), Some(items)) => {
                for (n, item) in (1..).zip(items) {
                    documents.push(document(format!("{origin}, item {n}"), item.clone())?);
                }
            }
            _ => documents.push(document(origin, object)?),
        }
    }
    if documents.is_empty() {
        Err(format!("{file}: has no document: at least one object is needed"))
    } else {
        Ok(documents)
    }
}

fn document(origin: String, object: Value) -> Result<Document, String> {
    let text = |pointer: &str, right: &str| {
        let found = object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let field = pointer.trim_start_matches('/').replace('/', ".");
        found.map(str::to_owned).ok_or_else(|| format!("{origin}: `{field}` is missing: must be such as `{right}`"))
    };
    let version = text("/apiVersion", "todoapp.dev/v1alpha1")?;
    let (group, version) = version.rsplit_once('/').unwrap_or(("", &version));
    let kind = GroupVersionKind::gvk(group, version, &text("/kind", "TodoApp")?);
    let name = text("/metadata/name", "user")?;
    Ok(Document { origin, kind, name, object })
}
