//! What merging must know of a kind: which lists have keys, which are sets, which maps are taken whole
//! (`x-kubernetes-list-type`, `x-kubernetes-list-map-keys`, `x-kubernetes-map-type`). Anything else: maps field by
//! field, lists whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// One field of a list's key, and its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyField {
    name: String,
    default: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum List {
    Keyed(Vec<KeyField>),
    Set,
}

/// The lists and atomic maps of one kind, by path; an entry of a list has the path of its list.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    lists: BTreeMap<String, List>,
    atomic: BTreeSet<String>,
}

/// A place in an object, with what the schema says of it.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    schema: &'a Schema,
    path: String,
}

/// How a value is merged and owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// As one.
    Whole,
    /// Field by field.
    Fields(&'a Map<String, Value>),
    /// Entry by entry, known by a key.
    Entries(&'a Vec<Value>),
    /// Entry by entry, each its own key.
    Set(&'a Vec<Value>),
}

impl Schema {
    /// Adds a list whose entries are known by `keys`: `name` or `port,protocol=TCP`.
    pub fn keyed(&mut self, path: &str, keys: &str) {
        let field = |key: &str| match key.split_once('=') {
            Some((name, default)) => KeyField { name: name.to_owned(), default: Some(default.into()) },
            None => KeyField { name: key.to_owned(), default: None },
        };
        self.lists.insert(path.to_owned(), List::Keyed(keys.split(',').map(field).collect()));
    }

    /// Adds a list that is a set.
    pub fn set(&mut self, path: &str) {
        self.lists.insert(path.to_owned(), List::Set);
    }

    /// Adds a map, or entries of a list, that are taken whole.
    pub fn whole(&mut self, path: &str) {
        self.atomic.insert(path.to_owned());
    }

    /// Whether each entry of a list with keys can be told from the others.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.root().check(value)
    }

    /// The object itself.
    pub fn root(&self) -> Place<'_> {
        Place { schema: self, path: String::new() }
    }
}

impl Place<'_> {
    fn check(&self, value: &Value) -> Result<(), String> {
        match self.shape(value) {
            Shape::Fields(map) => map.iter().try_for_each(|(name, value)| self.field(name).check(value)),
            Shape::Entries(list) | Shape::Set(list) => {
                let mut seen = BTreeSet::new();
                for entry in list {
                    let name = self.entry_name(entry);
                    if !seen.insert(name.clone()) {
                        return Err(format!(".{}: duplicate entries for key {name}", self.path.replace('/', ".")));
                    }
                    if entry.is_object() {
                        self.check(entry)?;
                    }
                }
                Ok(())
            }
            Shape::Whole => Ok(()),
        }
    }

    /// A field of it.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { schema: self.schema, path }
    }

    /// How a value here is merged. An entry of a keyed list is asked for by the list's own place.
    pub fn shape<'v>(&self, value: &'v Value) -> Shape<'v> {
        match value {
            Value::Object(map) if !self.schema.atomic.contains(&self.path) => Shape::Fields(map),
            Value::Array(list) => match self.schema.lists.get(&self.path) {
                Some(List::Keyed(_)) => Shape::Entries(list),
                Some(List::Set) => Shape::Set(list),
                None => Shape::Whole,
            },
            _ => Shape::Whole,
        }
    }

    /// Name of a list's entry in a set of fields: `k:{"name":"app"}` or `v:"x"`.
    pub fn entry_name(&self, entry: &Value) -> String {
        match self.schema.lists.get(&self.path) {
            Some(List::Keyed(keys)) => {
                let value = |key: &KeyField| entry.get(&key.name).or(key.default.as_ref()).cloned();
                let key: BTreeMap<_, _> = keys.iter().filter_map(|key| Some((&key.name, value(key)?))).collect();
                format!("k:{}", serde_json::to_string(&key).unwrap_or_default())
            }
            _ => format!("v:{entry}"),
        }
    }

    /// Whether a field is part of the key of entries here.
    pub fn is_key(&self, field: &str) -> bool {
        let list = self.schema.lists.get(&self.path);
        matches!(list, Some(List::Keyed(keys)) if keys.iter().any(|key| key.name == field))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_named_by_their_key_with_its_defaults() {
        let mut schema = Schema::default();
        schema.keyed("spec/ports", "port,protocol=TCP");
        let ports = schema.root().field("spec").field("ports");
        assert_eq!(ports.entry_name(&json!({ "port": 80, "name": "x" })), r#"k:{"port":80,"protocol":"TCP"}"#);
        assert!(ports.is_key("port") && !ports.is_key("name"));
    }
}
