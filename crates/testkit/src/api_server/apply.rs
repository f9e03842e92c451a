//! Who owns which field, and server-side apply (KEP-555). Pure functions over JSON.

pub mod fields;
pub mod managers;
pub mod merge;
pub mod schema;

use serde_json::Value;

use fields::Fields;
use managers::{Entry, Managers, Operation};
use merge::{compare, merge, remove};
use schema::Schema;

/// Who writes, and by which door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Name of the field manager.
    pub manager: String,
    /// `status`, `scale` or nothing.
    pub subresource: String,
    /// Version of the kind it writes in.
    pub api_version: String,
}

/// A field that somebody else owns and that has another value there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it.
    pub manager: String,
    /// Which field.
    pub path: String,
}

/// The object after `config` was applied to `live` (null: there is none), and who owns what then. Without `force`,
/// others' fields of another value are conflicts.
pub fn apply(
    live: &Value,
    config: &Value,
    writer: &Writer,
    force: bool,
    schema: &Schema,
) -> Result<(Value, Managers), Vec<Conflict>> {
    let root = schema.root();
    let mut managers = Managers::of(live);
    let key = Entry::key(writer, Operation::Apply);
    let wanted = managers::without_system_fields(Fields::of(config, &root));
    let last = managers.put(key.clone(), wanted);
    let mut merged = if live.is_null() { config.clone() } else { merge(live, config, &root) };
    remove(&mut merged, &last.difference(&managers.get(&key)), &managers.all(), &root);

    let changes = compare(live, &merged, &root);
    let conflicts = managers.conflicts(&key, &changes.written);
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    managers.lose(&key, &changes.written);
    managers.lose_all(&changes.removed);
    Ok((merged, managers))
}

/// Who owns what after a write that is not an apply: the writer owns what it changed, nobody what is gone.
pub fn update(live: &Value, new: &Value, writer: &Writer, schema: &Schema) -> Managers {
    let mut managers = Managers::of(live);
    let key = Entry::key(writer, Operation::Update);
    let changes = compare(live, new, &schema.root());
    let written = managers::without_system_fields(changes.written);
    managers.lose(&key, &written);
    managers.lose_all(&changes.removed);
    let mine = managers.get(&key).union(&written);
    managers.put(key, mine);
    managers
}

#[cfg(test)]
mod tests;
