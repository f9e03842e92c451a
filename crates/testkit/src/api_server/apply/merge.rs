//! The three walks over objects that server-side apply is made of: merge, compare, remove. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::fields::Fields;
use super::schema::{Place, Shape};

/// `live` with every field of `config` put in.
pub fn merge(live: &Value, config: &Value, place: &Place<'_>) -> Value {
    match (place.shape(live), place.shape(config)) {
        (Shape::Fields(live), Shape::Fields(config)) => Value::Object(merge_fields(live, config, place)),
        (Shape::Entries(live), Shape::Entries(config)) => {
            merge_lists(live, config, place, |live, config| merge(live, config, place))
        }
        (Shape::Set(live), Shape::Set(config)) => merge_lists(live, config, place, |_, config| config.clone()),
        _ => config.clone(),
    }
}

fn merge_fields(live: &Map<String, Value>, config: &Map<String, Value>, place: &Place<'_>) -> Map<String, Value> {
    let mut merged = live.clone();
    for (name, wanted) in config {
        let value = match live.get(name) {
            Some(have) => merge(have, wanted, &place.field(name)),
            None => wanted.clone(),
        };
        merged.insert(name.clone(), value);
    }
    merged
}

/// Entries of `config` in their order; those that are in `live` alone keep their place among them
/// (structured-merge-diff, `mergeListItems`).
fn merge_lists(
    live: &[Value],
    config: &[Value],
    place: &Place<'_>,
    merge_entry: impl Fn(&Value, &Value) -> Value,
) -> Value {
    let wanted: BTreeSet<String> = config.iter().map(|entry| place.entry_name(entry)).collect();
    let known = |name: &str| live.iter().find(|entry| place.entry_name(entry) == name);
    let mut merged = Vec::new();
    let mut left = live.iter().peekable();
    for entry in config {
        let name = place.entry_name(entry);
        while let Some(other) = left.next_if(|e| !wanted.contains(&place.entry_name(e))) {
            merged.push(other.clone());
        }
        left.next_if(|e| place.entry_name(e) == name);
        merged.push(known(&name).map_or_else(|| entry.clone(), |have| merge_entry(have, entry)));
    }
    merged.extend(left.filter(|e| !wanted.contains(&place.entry_name(e))).cloned());
    Value::Array(merged)
}

/// What a write changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// New, or of another value than before.
    pub written: Fields,
    /// There no more.
    pub removed: Fields,
}

/// How `new` differs from `old`.
pub fn compare(old: &Value, new: &Value, place: &Place<'_>) -> Changes {
    let mut changes = Changes::default();
    if old == new {
        return changes;
    }
    match (place.shape(old), place.shape(new)) {
        (Shape::Fields(old), Shape::Fields(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                changes.note(format!("f:{name}"), old.get(name), new.get(name), &place.field(name), Fields::of);
            }
        }
        (Shape::Entries(old), Shape::Entries(new)) => compare_entries(old, new, place, Fields::of_entry, &mut changes),
        (Shape::Set(old), Shape::Set(new)) => {
            compare_entries(old, new, place, |_, _| Fields::leaf(), &mut changes);
        }
        _ => {
            changes.written = Fields::of(new, place);
            if !old.is_null() {
                changes.removed = Fields::of(old, place).difference(&changes.written);
            }
        }
    }
    changes
}

fn compare_entries(old: &[Value], new: &[Value], place: &Place<'_>, of: OwnedBy, changes: &mut Changes) {
    let mut pairs: BTreeMap<String, [Option<&Value>; 2]> = BTreeMap::new();
    for (side, list) in [old, new].into_iter().enumerate() {
        for entry in list {
            pairs.entry(place.entry_name(entry)).or_default()[side] = Some(entry);
        }
    }
    for (name, [before, after]) in pairs {
        changes.note(name, before, after, place, of);
    }
}

type OwnedBy = fn(&Value, &Place<'_>) -> Fields;

impl Changes {
    fn note(&mut self, name: String, old: Option<&Value>, new: Option<&Value>, place: &Place<'_>, of: OwnedBy) {
        match (old, new) {
            (Some(old), Some(new)) => {
                let inner = compare(old, new, place);
                self.written.put(name.clone(), inner.written);
                self.removed.put(name, inner.removed);
            }
            (None, Some(new)) => self.written.put(name, of(new, place)),
            (Some(old), None) => self.removed.put(name, of(old, place)),
            (None, None) => {}
        }
    }
}

/// Removes from `value` what is in `gone` and of which nothing is in `owned`: fields that a manager applied before,
/// applies no more, and that nobody else owns. What leads to them goes too, if nobody owns anything in it; the key of an
/// entry that stays is part of the entry.
pub fn remove(value: &mut Value, gone: &Fields, owned: &Fields, place: &Place<'_>) {
    let nobodys = |name: &str| gone.get(name).is_some() && owned.get(name).is_none_or(Fields::is_empty);
    let none = Fields::default();
    let inner = |name: &str| gone.get(name).map(|gone| (gone, owned.get(name).unwrap_or(&none)));
    match place.shape(value) {
        Shape::Fields(_) => {
            let Value::Object(map) = value else { return };
            map.retain(|name, _| place.is_key(name) || !nobodys(&format!("f:{name}")));
            for (name, value) in map {
                if let Some((gone, owned)) = inner(&format!("f:{name}")) {
                    remove(value, gone, owned, &place.field(name));
                }
            }
        }
        Shape::Entries(_) | Shape::Set(_) => {
            let Value::Array(list) = value else { return };
            list.retain(|entry| !nobodys(&place.entry_name(entry)));
            for entry in list {
                if let Some((gone, owned)) = inner(&place.entry_name(entry)) {
                    remove(entry, gone, owned, place);
                }
            }
        }
        Shape::Whole => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::schema::Schema;
    use super::*;

    fn schema() -> Schema {
        let mut schema = Schema::default();
        schema.keyed("list", "name");
        schema.set("set");
        schema.whole("whole");
        schema
    }

    #[test]
    fn maps_and_keyed_lists_are_merged_the_rest_is_replaced() {
        let live = json!({ "list": [{ "name": "a", "x": 1 }, { "name": "b" }], "set": ["p"], "whole": { "k": 1 }, "plain": [1, 2] });
        let config = json!({ "list": [{ "name": "c" }, { "name": "a", "y": 2 }], "set": ["q"], "whole": { "l": 2 }, "plain": [3] });
        let merged = merge(&live, &config, &schema().root());
        let list = json!([{ "name": "c" }, { "name": "a", "x": 1, "y": 2 }, { "name": "b" }]);
        assert_eq!(merged, json!({ "list": list, "set": ["p", "q"], "whole": { "l": 2 }, "plain": [3] }));
    }

    #[test]
    fn what_nobody_owns_any_more_goes() {
        let schema = schema();
        let mut value = json!({ "list": [{ "name": "a", "x": 1, "y": 2 }, { "name": "b", "filled": true }], "set": ["p", "q"], "map": { "m": 1, "filled": 2 } });
        let gone = Fields::of(
            &json!({ "list": [{ "name": "a", "x": 1 }, { "name": "b" }], "set": ["p"], "map": { "m": 1 } }),
            &schema.root(),
        );
        let owned = Fields::of(&json!({ "list": [{ "name": "a", "y": 2 }], "set": ["q"] }), &schema.root());
        remove(&mut value, &gone, &owned, &schema.root());
        assert_eq!(value, json!({ "list": [{ "name": "a", "y": 2 }], "set": ["q"] }));
    }

    fn any_object() -> impl Strategy<Value = Value> {
        let entry = ("[a-c]", 0..3).prop_map(|(name, x)| json!({ "name": name, "x": x }));
        let list = prop::collection::vec(entry, 0..4).prop_map(|mut list| {
            let mut seen = BTreeSet::new();
            list.retain(|e| seen.insert(e["name"].to_string()));
            list
        });
        (list, prop::collection::btree_map("[a-c]", 0..3, 0..3))
            .prop_map(|(list, map)| json!({ "list": list, "map": map }))
    }

    proptest! {
        #[test]
        fn a_merge_holds_all_of_its_config_and_is_done_once(live in any_object(), config in any_object()) {
            let schema = schema();
            let merged = merge(&live, &config, &schema.root());
            prop_assert_eq!(&merge(&merged, &config, &schema.root()), &merged);
            let owned = Fields::of(&config, &schema.root());
            let differing = compare(&config, &merged, &schema.root());
            prop_assert!(differing.removed.is_empty(), "{:?}", differing.removed.paths());
            // An empty map or list counts as a field of its own.
            let lost = owned.difference(&Fields::of(&merged, &schema.root()));
            prop_assert!(lost.paths().iter().all(|path| path == ".list" || path == ".map"), "{:?}", lost.paths());
        }

        #[test]
        fn a_change_names_everything_that_differs(old in any_object(), new in any_object()) {
            let schema = schema();
            let changes = compare(&old, &new, &schema.root());
            prop_assert_eq!(compare(&new, &new, &schema.root()), Changes::default());
            let mut less = old.clone();
            remove(&mut less, &changes.removed, &Fields::default(), &schema.root());
            let after = compare(&less, &new, &schema.root());
            prop_assert!(after.removed.paths().iter().all(|p| p == ".list" || p == ".map"), "{:?}", after.removed.paths());
        }
    }
}
