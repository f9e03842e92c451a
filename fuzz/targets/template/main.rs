//! Pod templates that the API server takes, and the pods that the operator makes of them. The input is a Revision's spec
//! in JSON, or, where it does not begin with a brace, what one is grown from.

#![no_main]

mod admission;
mod grow;
mod rules;

use api::Revision;
use libfuzzer_sys::{Corpus, fuzz_target};
use operator::fuzzing::weave;
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| -> Corpus { check(data).map_or(Corpus::Reject, |()| Corpus::Keep) });

fn check(data: &[u8]) -> Option<()> {
    let spec = if data.first() == Some(&b'{') { serde_json::from_slice(data).ok()? } else { grow::spec(data).ok()? };
    if !admission::admits(&spec["template"]) {
        return None;
    }
    let revision = revision(&spec).filter(|revision| admission::takes(&revision.spec, &spec))?;
    let woven = weave(&revision);
    assert_eq!(woven, weave(&revision), "the same again");
    match woven {
        Ok(pod) => rules::hold(&rules::without_nulls(&spec["template"]), &pod),
        // What is wrong with a template is told by the name of its field.
        Err(why) => assert!(why.contains('`'), "{why}"),
    }
    Some(())
}

/// `None`: it would not come from the API server, for the rest of the spec is not a Revision's.
fn revision(spec: &Value) -> Option<Revision> {
    let images: Vec<_> = rules::names(&spec["template"]["spec"])
        .into_iter()
        .map(|name| json!({ "container": name, "image": rules::resolved(&name) }))
        .collect();
    let object = json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
        "metadata": {
            "name": "shop-00007", "namespace": "market", "uid": "uid-7", "labels": { "todoapp.dev/app": "shop" },
        },
        "spec": spec,
        "status": { "images": if spec["resolved"] == true { images } else { Vec::new() } },
    });
    serde_json::from_value(object).ok()
}
