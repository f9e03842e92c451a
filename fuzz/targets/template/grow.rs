//! A Revision's spec from bytes: mostly as people write them, with anything in any place now and then.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// Fields that the operator looks at, and some that it does not.
const FIELDS: [&str; 40] = [
    "name",
    "image",
    "env",
    "value",
    "lifecycle",
    "preStop",
    "postStart",
    "exec",
    "command",
    "httpGet",
    "tcpSocket",
    "grpc",
    "port",
    "path",
    "scheme",
    "httpHeaders",
    "host",
    "service",
    "readinessProbe",
    "livenessProbe",
    "startupProbe",
    "periodSeconds",
    "timeoutSeconds",
    "successThreshold",
    "failureThreshold",
    "terminationMessagePolicy",
    "terminationGracePeriodSeconds",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "initContainers",
    "securityContext",
    "resources",
    "volumeMounts",
    "restartPolicy",
    "futureField",
    "labels",
    "annotations",
    "ports",
    "containerPort",
    "sleep",
];
const TEXTS: [&str; 14] = [
    "",
    "app",
    "web",
    "queue-proxy",
    "h2c",
    "PORT",
    "K_SERVICE",
    "/ok",
    "HTTPS",
    "3001",
    "todoapp.dev/app",
    "x",
    "TCP",
    "kubernetes.io/h2c",
];
const CONTAINER: [&str; 9] = [
    "env",
    "lifecycle",
    "readinessProbe",
    "livenessProbe",
    "terminationMessagePolicy",
    "securityContext",
    "resources",
    "futureField",
    "restartPolicy",
];
const POD: [&str; 6] = [
    "terminationGracePeriodSeconds",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "securityContext",
    "volumes",
    "futureField",
];
const DEPTH: u8 = 4;

type Bytes<'a> = Unstructured<'a>;

pub fn spec(data: &[u8]) -> Result<Value> {
    let u = &mut Bytes::new(data);
    let mut pod = Map::new();
    pod.insert("containers".to_owned(), list(u, 3, container)?);
    if u.ratio(1, 2)? {
        pod.insert("initContainers".to_owned(), if u.ratio(1, 8)? { any(u, 0)? } else { list(u, 2, container)? });
    }
    some_of(u, &POD, &mut pod)?;
    let mut template = json!({ "spec": pod });
    if u.ratio(1, 2)? {
        let mut metadata = Map::new();
        some_of(u, &["labels", "annotations"], &mut metadata)?;
        template["metadata"] = metadata.into();
    }
    let recycle = if u.ratio(1, 4)? { json!({ "requests": u.int_in_range(1..=9)? }) } else { Value::Null };
    Ok(json!({ "template": template, "resolved": u.arbitrary::<bool>()?, "recycleAfter": recycle }))
}

fn container(u: &mut Bytes<'_>) -> Result<Value> {
    let mut fields = Map::new();
    fields.insert("image".to_owned(), u.choose(&["i", "registry.test/user:v2"])?.to_string().into());
    if u.ratio(3, 4)? {
        fields.insert("name".to_owned(), u.choose(&TEXTS)?.to_string().into());
    }
    if u.ratio(1, 2)? {
        let port = json!({ "containerPort": u.int_in_range(1..=65_535)?, "name": u.choose(&["web", "h2c"])? });
        fields.insert("ports".to_owned(), json!([port]));
    }
    some_of(u, &CONTAINER, &mut fields)?;
    Ok(fields.into())
}

/// Each with something that fits it, or with anything.
fn some_of(u: &mut Bytes<'_>, names: &[&str], fields: &mut Map<String, Value>) -> Result<()> {
    for name in names {
        if u.ratio(1, 4)? {
            let value = match *name {
                _ if u.ratio(1, 4)? => any(u, 0)?,
                "env" => list(u, 3, |u| Ok(json!({ "name": u.choose(&TEXTS)?, "value": u.choose(&TEXTS)? })))?,
                "readinessProbe" | "livenessProbe" => probe(u)?,
                "terminationGracePeriodSeconds" => u.int_in_range(0..=600)?.into(),
                _ => any(u, 1)?,
            };
            fields.insert((*name).to_owned(), value);
        }
    }
    Ok(())
}

fn probe(u: &mut Bytes<'_>) -> Result<Value> {
    let port: Value =
        if u.arbitrary()? { u.int_in_range(-1..=70_000)?.into() } else { u.choose(&TEXTS)?.to_string().into() };
    let mut probe = match u.int_in_range(0..=3)? {
        0 => json!({ "httpGet": { "path": u.choose(&TEXTS)?, "port": port } }),
        1 => json!({ "tcpSocket": { "port": port } }),
        2 => json!({ "grpc": { "port": port } }),
        _ => json!({ "exec": { "command": ["true"] } }),
    };
    if u.ratio(1, 2)? {
        probe[*u.choose(&["periodSeconds", "timeoutSeconds", "failureThreshold", "tcpSocket", "httpGet"])?] =
            any(u, DEPTH - 1)?;
    }
    Ok(probe)
}

fn list(u: &mut Bytes<'_>, most: usize, item: impl Fn(&mut Bytes<'_>) -> Result<Value>) -> Result<Value> {
    (0..u.int_in_range(1..=most)?).map(|_| item(u)).collect()
}

fn any(u: &mut Bytes<'_>, depth: u8) -> Result<Value> {
    Ok(match u.int_in_range(0..=if depth < DEPTH { 7 } else { 5 })? {
        0 => Value::Null,
        1 => u.arbitrary::<bool>()?.into(),
        2 => u.int_in_range(-1..=9)?.into(),
        3 => u.arbitrary::<i64>()?.into(),
        4 | 5 => u.choose(&TEXTS)?.to_string().into(),
        6 => list(u, 3, |u| any(u, depth + 1))?,
        _ => {
            let count = u.int_in_range(0..=3)?;
            let fields = (0..count).map(|_| Ok((u.choose(&FIELDS)?.to_string(), any(u, depth + 1)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
    })
}
