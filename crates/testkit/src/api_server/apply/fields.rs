//! A set of fields of an object: who owns what (`FieldsV1`). A tree whose nodes are named as in `managedFields`:
//! `f:spec`, `k:{"name":"app"}`, `v:"x"`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::schema::{Place, Shape};

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// This very place is in the set.
    member: bool,
    below: BTreeMap<String, Fields>,
}

impl Fields {
    /// A set of one place.
    pub fn leaf() -> Self {
        Self { member: true, below: BTreeMap::new() }
    }

    /// Everything that somebody owns who wrote `value`.
    pub fn of(value: &Value, place: &Place<'_>) -> Self {
        let below: BTreeMap<_, _> = match place.shape(value) {
            Shape::Whole => return Self::leaf(),
            Shape::Fields(map) => {
                map.iter().map(|(name, value)| (format!("f:{name}"), Self::of(value, &place.field(name)))).collect()
            }
            Shape::Entries(list) => {
                list.iter().map(|entry| (place.entry_name(entry), Self::of_entry(entry, place))).collect()
            }
            Shape::Set(list) => list.iter().map(|entry| (place.entry_name(entry), Self::leaf())).collect(),
        };
        // Nothing in it: the empty map or list itself is what was written.
        Self { member: below.is_empty(), below }
    }

    /// An entry of a keyed list is owned besides its fields.
    pub fn of_entry(entry: &Value, list: &Place<'_>) -> Self {
        Self { member: true, ..Self::of(entry, list) }
    }

    /// What `name` leads to.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.below.get(name)
    }

    /// Puts a set in at `name`, unless it is empty.
    pub fn put(&mut self, name: String, fields: Self) {
        if !fields.is_empty() {
            self.below.insert(name, fields);
        }
    }

    /// Takes the set at `name` out.
    pub fn take(&mut self, name: &str) -> Option<Self> {
        self.below.remove(name)
    }

    /// What lies below, by name.
    pub fn below(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.below.iter().map(|(name, fields)| (name.as_str(), fields))
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.member && self.below.values().all(Self::is_empty)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut below = self.below.clone();
        for (name, theirs) in &other.below {
            let ours = below.entry(name.clone()).or_default();
            *ours = ours.union(theirs);
        }
        Self { member: self.member || other.member, below }
    }

    /// What is in this one alone.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Self { member: self.member && !other.member, below: BTreeMap::new() };
        for (name, ours) in &self.below {
            left.put(
                name.clone(),
                other.below.get(name).map_or_else(|| ours.clone(), |theirs| ours.difference(theirs)),
            );
        }
        left
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, below: BTreeMap::new() };
        for (name, ours) in &self.below {
            if let Some(theirs) = other.below.get(name) {
                both.put(name.clone(), ours.intersection(theirs));
            }
        }
        both
    }

    /// Every place in it, as messages name it: `.spec.ports[port=80,protocol="TCP"].name`.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(String::new(), &mut found);
        found
    }

    fn collect(&self, path: String, found: &mut Vec<String>) {
        for (name, fields) in &self.below {
            fields.collect(format!("{path}{}", said(name)), found);
        }
        if self.member {
            found.push(path);
        }
    }

    /// As `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut map: Map<_, _> = self.below.iter().map(|(name, fields)| (name.clone(), fields.to_json())).collect();
        if self.member && !map.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        Value::Object(map)
    }

    /// From `fieldsV1`.
    pub fn from_json(json: &Value) -> Self {
        let Some(map) = json.as_object() else { return Self::default() };
        let below = map.iter().filter(|(name, _)| *name != ".");
        Self {
            member: map.is_empty() || map.contains_key("."),
            below: below.map(|(name, fields)| (name.clone(), Self::from_json(fields))).collect(),
        }
    }
}

fn said(name: &str) -> String {
    match name.split_once(':') {
        Some(("f", field)) => format!(".{field}"),
        Some(("k", key)) => {
            let key: BTreeMap<String, Value> = serde_json::from_str(key).unwrap_or_default();
            let parts: Vec<_> = key.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", parts.join(","))
        }
        Some((_, value)) => format!("[={value}]"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::Schema;
    use super::*;

    fn fields(value: &Value) -> Fields {
        let mut schema = Schema::default();
        schema.keyed("spec/containers", "name");
        schema.keyed("spec/containers/env", "name");
        Fields::of(value, &schema.root())
    }

    #[test]
    fn a_set_has_the_form_of_fields_v1() {
        let owned =
            fields(&json!({ "spec": { "containers": [{ "name": "app", "args": ["x"], "env": [{ "name": "A" }] }],
            "nodeSelector": {} } }));
        let expected = json!({ "f:spec": { "f:nodeSelector": {}, "f:containers": { "k:{\"name\":\"app\"}": {
            ".": {}, "f:name": {}, "f:args": {}, "f:env": { "k:{\"name\":\"A\"}": { ".": {}, "f:name": {} } } } } } });
        assert_eq!(owned.to_json(), expected);
        assert_eq!(Fields::from_json(&expected), owned);
        assert!(owned.paths().contains(&r#".spec.containers[name="app"].env[name="A"].name"#.to_owned()));
    }

    #[test]
    fn sets_are_added_and_taken_away_from_each_other() {
        let one = fields(&json!({ "a": { "b": 1, "c": 2 } }));
        let two = fields(&json!({ "a": { "c": 2, "d": 3 } }));
        assert_eq!(one.union(&two), fields(&json!({ "a": { "b": 1, "c": 2, "d": 3 } })));
        assert_eq!(one.difference(&two), fields(&json!({ "a": { "b": 1 } })));
        assert_eq!(one.intersection(&two), fields(&json!({ "a": { "c": 1 } })));
        assert!(one.difference(&one).is_empty());
    }
}
