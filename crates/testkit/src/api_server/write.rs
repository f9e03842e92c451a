//! Create, update and patch: what a write makes of an object, step by step as in k8s.io/apiserver.

use std::sync::Arc;

use serde_json::{Value, json};

use super::apply::managers::Managers;
use super::apply::{self, Writer};
use super::kinds::{Feature, Kind};
use super::patch::{patched, without_nulls};
use super::path::{Part, Target, Verb};
use super::refusal::Refusal;
use super::state::{Answer, Request, State, key};
use super::{crd, defaults, scale, validate};

/// Metadata that no request changes.
const SYSTEM: [&str; 7] =
    ["name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"];

/// Who owns what after a write.
pub enum Owning {
    /// The writer owns what differs.
    Differing(Writer),
    /// An apply has told already.
    Told(Managers),
}

impl State {
    /// A new object.
    pub fn create(&mut self, request: &Request) -> Answer {
        let kind = self.kinds[request.target.kind].clone();
        let mut new = read_body(&kind, request)?;
        if kind.kind == "TokenReview" {
            return Ok((201, Arc::new(self.tokens.review(&new))));
        }
        if new["metadata"].get("resourceVersion").is_some() {
            return Err(Refusal::bad_request("resourceVersion should not be set on objects to be created"));
        }
        if new["metadata"]["name"].as_str().unwrap_or_default().is_empty() {
            let Some(prefix) = new["metadata"]["generateName"].as_str() else {
                return Err(Refusal::invalid(
                    &kind,
                    "",
                    "metadata.name",
                    "Required value: name or generateName is required",
                ));
            };
            new["metadata"]["name"] = format!("{prefix}{}", self.suffix()).into();
        }
        let name = new["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let target = Target { name, ..request.target.clone() };
        if self.store.get(&key(&target)).is_some() {
            return Err(Refusal::already_exists(&kind, &target.name));
        }
        let writer = writer(request, &kind);
        self.born(&kind, &target, new, Owning::Differing(writer))
    }

    pub fn born(&mut self, kind: &Kind, target: &Target, mut new: Value, owning: Owning) -> Answer {
        self.namespace_takes(kind, target)?;
        for field in SYSTEM.iter().chain(&["managedFields", "resourceVersion", "selfLink"]) {
            remove(&mut new["metadata"], field);
        }
        new["metadata"]["name"] = target.name.clone().into();
        if kind.has(Feature::Namespaced) {
            new["metadata"]["namespace"] = target.namespace.clone().into();
        }
        new["metadata"]["uid"] = self.uid().into();
        new["metadata"]["creationTimestamp"] = self.clock.time().into();
        if kind.has(Feature::Generation) {
            new["metadata"]["generation"] = 1.into();
        }
        if kind.has(Feature::Status) {
            remove(&mut new, "status");
        }
        if kind.kind == "Pod" {
            new["status"] = json!({ "phase": "Pending" });
        }
        self.shape(kind, &mut new);
        validate::check(kind, &new, None, self.rules(target))?;
        self.own(kind, &Value::Null, &mut new, owning);
        Ok((201, self.store.put(key(target), new)))
    }

    /// A whole object anew.
    pub fn update(&mut self, request: &Request) -> Answer {
        let kind = self.kinds[request.target.kind].clone();
        let old = self.existing(&request.target)?;
        let new = if request.target.part == Part::Scale {
            scale::scaled(&old, &request.body)?
        } else {
            read_body(&kind, request)?
        };
        if new["metadata"].get("resourceVersion").is_none() && !kind.has(Feature::Unconditional) {
            let why = "Invalid value: 0x0: must be specified for an update";
            return Err(Refusal::invalid(&kind, &request.target.name, "metadata.resourceVersion", why));
        }
        self.replace(&kind, request, &old, new)
    }

    /// A part of an object anew.
    pub fn patch(&mut self, request: &Request) -> Answer {
        let kind = self.kinds[request.target.kind].clone();
        let old = self.existing(&request.target)?;
        let form = request.patch.ok_or_else(|| Refusal::bad_request("a patch without a form"))?;
        let part = part(&old, request.target.part);
        let new = patched(&part, form, &request.body)?;
        let new = if request.target.part == Part::Scale { scale::scaled(&old, &new)? } else { new };
        self.replace(&kind, request, &old, new)
    }

    fn replace(&mut self, kind: &Kind, request: &Request, old: &Arc<Value>, new: Value) -> Answer {
        let owning = Owning::Differing(writer(request, kind));
        let new = self.changed(kind, &request.target, old, new, owning)?;
        Ok((200, part(&new, request.target.part)))
    }

    /// Writes a changed object, if anything in it is changed; one whose last finalizer is gone goes.
    pub fn changed(
        &mut self,
        kind: &Kind,
        target: &Target,
        old: &Arc<Value>,
        mut new: Value,
        owning: Owning,
    ) -> Result<Arc<Value>, Refusal> {
        without_nulls(&mut new);
        let differs = |field: &str| {
            let said = new["metadata"].get(field);
            said.is_some_and(|said| *said != old["metadata"][field])
        };
        if differs("resourceVersion") || differs("uid") {
            return Err(Refusal::modified(kind, &target.name));
        }
        if target.part == Part::Status {
            let status = new.get("status").cloned();
            new = old.as_ref().clone();
            set(&mut new, "status", status);
        } else if kind.has(Feature::Status) {
            set(&mut new, "status", old.get("status").cloned());
        }
        for field in SYSTEM.iter().chain(&["managedFields", "resourceVersion"]) {
            set(&mut new["metadata"], field, old["metadata"].get(field).cloned());
        }
        new["apiVersion"] = old["apiVersion"].clone();
        new["kind"] = old["kind"].clone();
        self.shape(kind, &mut new);
        validate::check(kind, &new, Some(old), self.rules(target))?;
        if kind.has(Feature::Generation) && wanted(&new) != wanted(old) {
            new["metadata"]["generation"] = (old["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
        }
        self.own(kind, old, &mut new, owning);
        if super::delete::is_over(&new) {
            return Ok(self.store.remove(&key(target), new));
        }
        if new == **old {
            return Ok(old.clone());
        }
        Ok(self.store.put(key(target), new))
    }

    fn own(&self, kind: &Kind, old: &Value, new: &mut Value, owning: Owning) {
        let managers = match owning {
            Owning::Told(managers) => managers,
            Owning::Differing(writer) => apply::update(old, new, &writer, &kind.schema),
        };
        new["metadata"]["managedFields"] = managers.to_json(&Managers::of(old), &self.clock.time());
    }

    fn shape(&mut self, kind: &Kind, new: &mut Value) {
        if let Some(open_api) = &kind.open_api {
            crd::shape(new, open_api);
        } else {
            let serial = self.serial();
            defaults::fill(&kind.kind, new, serial);
        }
    }

    fn rules(&self, target: &Target) -> &[validate::Rule] {
        self.rules.get(&target.kind).map_or(&[], Vec::as_slice)
    }

    fn namespace_takes(&self, kind: &Kind, target: &Target) -> Result<(), Refusal> {
        if !kind.has(Feature::Namespaced) {
            return Ok(());
        }
        let id = self.kind_id("v1", "Namespace").unwrap_or_default();
        let Some(namespace) = self.store.get(&(id, String::new(), target.namespace.clone())) else {
            return Err(Refusal::not_found(&self.kinds[id], &target.namespace));
        };
        if namespace["metadata"].get("deletionTimestamp").is_some() {
            let message = format!(
                "{} \"{}\" is forbidden: unable to create new content in namespace {} because it is being terminated",
                kind.resource(),
                target.name,
                target.namespace
            );
            return Err(Refusal::new(403, "Forbidden", message));
        }
        Ok(())
    }
}

/// The part of an object that a target names.
pub fn part(object: &Arc<Value>, part: Part) -> Arc<Value> {
    if part == Part::Scale { Arc::new(scale::of(object)) } else { object.clone() }
}

/// The object in a request's body, which must be the one that its path names.
pub fn read_body(kind: &Kind, request: &Request) -> Result<Value, Refusal> {
    let mut body = request.body.clone();
    if !body.is_object() {
        return Err(Refusal::bad_request("the body is not an object"));
    }
    without_nulls(&mut body);
    set_if_none(&mut body, "apiVersion", kind.api_version());
    set_if_none(&mut body, "kind", kind.kind.clone());
    if body["apiVersion"] != kind.api_version().as_str() || body["kind"] != kind.kind.as_str() {
        let message = format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            body["apiVersion"],
            kind.api_version()
        );
        return Err(Refusal::bad_request(message));
    }
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    let target = &request.target;
    let said = |field: &str| body["metadata"][field].as_str().filter(|text| !text.is_empty());
    if said("namespace").is_some_and(|said| said != target.namespace) {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if request.verb != Verb::Create && said("name").is_some_and(|said| said != target.name) {
        return Err(Refusal::bad_request("the name of the object does not match the name on the URL"));
    }
    Ok(body)
}

pub fn writer(request: &Request, kind: &Kind) -> Writer {
    Writer {
        manager: request.query.manager.clone().unwrap_or_else(|| request.user.clone()),
        subresource: request.target.part.as_str().to_owned(),
        api_version: kind.api_version(),
    }
}

/// What a user wants: all but metadata and status.
fn wanted(object: &Value) -> Value {
    let mut wanted = object.clone();
    remove(&mut wanted, "metadata");
    remove(&mut wanted, "status");
    wanted
}

pub fn remove(object: &mut Value, field: &str) {
    if let Some(map) = object.as_object_mut() {
        map.remove(field);
    }
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => object[field] = value,
        None => remove(object, field),
    }
}

fn set_if_none(object: &mut Value, field: &str, value: String) {
    if object.get(field).is_none() {
        object[field] = value.into();
    }
}
