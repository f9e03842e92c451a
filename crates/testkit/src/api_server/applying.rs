//! Server-side apply as a request: checks, `apply` (which decides), and the write.

use serde_json::{Value, json};

use super::apply::{self, Conflict};
use super::kinds::{Feature, Kind};
use super::path::Part;
use super::refusal::Refusal;
use super::scale;
use super::state::{Answer, Request, State, key};
use super::write::{Owning, part, read_body, remove, writer};

impl State {
    /// Server-side apply.
    pub fn apply(&mut self, request: &Request) -> Answer {
        let kind = self.kinds[request.target.kind].clone();
        let target = &request.target;
        if request.query.manager.is_none() {
            return Err(Refusal::bad_request(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ));
        }
        let old = self.store.get(&key(target)).cloned();
        if old.is_none() && target.part != Part::Main {
            return Err(Refusal::not_found(&kind, &target.name));
        }
        let config = if target.part == Part::Scale { scale::config(&request.body) } else { read_body(&kind, request)? };
        if config["metadata"].get("managedFields").is_some() {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        let config = only(config, &kind, target.part);
        kind.schema.check(&config).map_err(|why| {
            Refusal::new(500, "InternalError", format!("failed to create typed patch object ({}): {why}", target.name))
        })?;
        let live = old.as_deref().cloned().unwrap_or(Value::Null);
        let force = request.query.force;
        let (new, managers) = apply::apply(&live, &config, &writer(request, &kind), force, &kind.schema)
            .map_err(|conflicts| refuse(&kind, &target.name, &conflicts))?;
        match old {
            None if config["metadata"].get("uid").is_some() => Err(Refusal::conflict(
                &kind,
                &target.name,
                "uid mismatch: the provided object specified uid, and no existing object was found",
            )),
            None => self.born(&kind, target, new, Owning::Told(managers)),
            Some(old) => {
                let new = self.changed(&kind, target, &old, new, Owning::Told(managers))?;
                Ok((200, part(&new, target.part)))
            }
        }
    }
}

fn refuse(kind: &Kind, name: &str, conflicts: &[Conflict]) -> Refusal {
    let said: Vec<_> = conflicts.iter().map(|c| format!("conflict with \"{}\": {}", c.manager, c.path)).collect();
    let plural = if conflicts.len() == 1 { "" } else { "s" };
    let message = format!("Apply failed with {} conflict{plural}: {}", conflicts.len(), said.join("; "));
    let mut refusal = Refusal::conflict(kind, name, "");
    refusal.message = message;
    let cause = |c: &Conflict| json!({ "reason": "FieldManagerConflict", "message": format!("conflict with \"{}\"", c.manager), "field": c.path });
    refusal.details = json!({ "causes": conflicts.iter().map(cause).collect::<Vec<_>>() });
    refusal
}

/// What of a config may be applied to this part.
fn only(config: Value, kind: &Kind, part: Part) -> Value {
    let mut config = config;
    match part {
        Part::Status => {
            if let Some(map) = config.as_object_mut() {
                map.retain(|field, _| matches!(field.as_str(), "apiVersion" | "kind" | "status"));
            }
        }
        Part::Main if kind.has(Feature::Status) => {
            remove(&mut config, "status");
        }
        _ => {}
    }
    config
}
