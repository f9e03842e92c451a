//! `metadata.managedFields`: one entry for each manager, operation and subresource.

use serde_json::{Value, json};

use super::fields::Fields;
use super::{Conflict, Writer};

/// How a manager writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Whom an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    writer: Writer,
    operation: Operation,
}

/// What one manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    key: Key,
    fields: Fields,
    /// Of its last change.
    time: Value,
}

impl Entry {
    /// Whom an entry is about.
    pub fn key(writer: &Writer, operation: Operation) -> Key {
        Key { writer: writer.clone(), operation }
    }
}

/// All entries of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managers(Vec<Entry>);

impl Managers {
    /// Those of an object.
    pub fn of(object: &Value) -> Self {
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        Self(entries.into_iter().flatten().map(read).collect())
    }

    /// As JSON; an entry that `before` had with the same fields keeps its time.
    pub fn to_json(&self, before: &Self, now: &str) -> Value {
        let entries = self.0.iter().filter(|entry| !entry.fields.is_empty()).map(|entry| {
            let same = before.0.iter().find(|old| old.key == entry.key && old.fields == entry.fields);
            let mut json = json!({
                "manager": entry.key.writer.manager,
                "operation": entry.key.operation.as_str(),
                "apiVersion": entry.key.writer.api_version,
                "time": same.map_or_else(|| now.into(), |old| old.time.clone()),
                "fieldsType": "FieldsV1",
                "fieldsV1": entry.fields.to_json(),
            });
            if !entry.key.writer.subresource.is_empty() {
                json["subresource"] = entry.key.writer.subresource.clone().into();
            }
            json
        });
        Value::Array(entries.collect())
    }

    /// What this one owns.
    pub fn get(&self, key: &Key) -> Fields {
        self.0.iter().find(|entry| entry.key == *key).map(|entry| entry.fields.clone()).unwrap_or_default()
    }

    /// Sets what this one owns; returns what it owned.
    pub fn put(&mut self, key: Key, fields: Fields) -> Fields {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.key == key) {
            return std::mem::replace(&mut entry.fields, fields);
        }
        self.0.push(Entry { key, fields, time: Value::Null });
        Fields::default()
    }

    /// What anybody owns.
    pub fn all(&self) -> Fields {
        self.0.iter().fold(Fields::default(), |all, entry| all.union(&entry.fields))
    }

    /// Fields of `written` that others than `key` own.
    pub fn conflicts(&self, key: &Key, written: &Fields) -> Vec<Conflict> {
        let others = self.0.iter().filter(|entry| entry.key != *key);
        let clashes = |entry: &Entry| {
            let manager = entry.key.writer.manager.clone();
            let paths = entry.fields.intersection(written).paths();
            paths.into_iter().map(move |path| Conflict { manager: manager.clone(), path })
        };
        others.flat_map(clashes).collect()
    }

    /// Everyone but `key` loses these fields.
    pub fn lose(&mut self, key: &Key, fields: &Fields) {
        for entry in self.0.iter_mut().filter(|entry| entry.key != *key) {
            entry.fields = entry.fields.difference(fields);
        }
    }

    /// Everyone loses these fields.
    pub fn lose_all(&mut self, fields: &Fields) {
        for entry in &mut self.0 {
            entry.fields = entry.fields.difference(fields);
        }
    }
}

fn read(entry: &Value) -> Entry {
    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let writer = Writer { manager: text("manager"), subresource: text("subresource"), api_version: text("apiVersion") };
    let operation = if entry["operation"] == "Apply" { Operation::Apply } else { Operation::Update };
    Entry { key: Key { writer, operation }, fields: Fields::from_json(&entry["fieldsV1"]), time: entry["time"].clone() }
}

/// Fields that the API server sets belong to nobody (fieldmanager's `stripMeta`).
pub fn without_system_fields(fields: Fields) -> Fields {
    let mut of_metadata = Fields::default();
    for name in [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ] {
        of_metadata.put(format!("f:{name}"), Fields::leaf());
    }
    let mut left = fields;
    for name in ["f:apiVersion", "f:kind"] {
        left.take(name);
    }
    if let Some(metadata) = left.take("f:metadata") {
        let mut kept = metadata;
        for (name, _) in of_metadata.below() {
            kept.take(name);
        }
        left.put("f:metadata".to_owned(), kept);
    }
    left
}
