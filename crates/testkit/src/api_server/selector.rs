//! Label and field selectors of lists and watches.

use serde_json::Value;

use super::refusal::Refusal;

/// Which objects are meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector {
    labels: Vec<Term>,
    fields: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let field = |part: String| match term(&part)? {
            term @ (Term::In(..) | Term::NotIn(..)) => Ok(term),
            _ => Err(Refusal::bad_request(format!("invalid field selector: '{part}'"))),
        };
        let label = |part: String| term(&part);
        Ok(Self {
            labels: parts(labels).into_iter().map(label).collect::<Result<_, _>>()?,
            fields: parts(fields).into_iter().map(field).collect::<Result<_, _>>()?,
        })
    }

    /// Labels that must all be there with these values, as a Service or Deployment asks for.
    pub fn of_labels(labels: &Value) -> Self {
        let equal = |(key, value): (&String, &Value)| {
            Term::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()])
        };
        Self { labels: labels.as_object().into_iter().flatten().map(equal).collect(), fields: Vec::new() }
    }

    /// Whether an object is meant.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        let field = |path: &str| {
            let pointer = format!("/{}", path.replace('.', "/"));
            Some(object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default())
        };
        self.labels.iter().all(|term| term.holds(label)) && self.fields.iter().all(|term| term.holds(field))
    }
}

impl Term {
    fn holds<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        let among = |key: &str, values: &[String]| value(key).is_some_and(|have| values.iter().any(|v| v == have));
        match self {
            Self::In(key, values) => among(key, values),
            Self::NotIn(key, values) => !among(key, values),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

/// Parts between commas that are not within parentheses.
fn parts(selector: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for c in selector.chars() {
        depth = match c {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        match (c, parts.last_mut()) {
            (',', _) if depth == 0 => parts.push(String::new()),
            (c, Some(last)) => last.push(c),
            _ => {}
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn term(part: &str) -> Result<Term, Refusal> {
    let owned = |text: &str| text.trim().to_owned();
    let among = |list: &str| list.trim().trim_start_matches('(').trim_end_matches(')').split(',').map(owned).collect();
    let term = if let Some((key, list)) = part.split_once(" notin ") {
        Term::NotIn(owned(key), among(list))
    } else if let Some((key, list)) = part.split_once(" in ") {
        Term::In(owned(key), among(list))
    } else if let Some((key, value)) = part.split_once("!=") {
        Term::NotIn(owned(key), vec![owned(value)])
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        Term::In(owned(key), vec![owned(value)])
    } else if let Some(key) = part.strip_prefix('!') {
        Term::Absent(owned(key))
    } else {
        Term::Exists(owned(part))
    };
    let (Term::In(key, _) | Term::NotIn(key, _) | Term::Exists(key) | Term::Absent(key)) = &term;
    let known = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.is_empty() || !key.chars().all(known) {
        return Err(Refusal::bad_request(format!("unable to parse requirement: '{part}'")));
    }
    Ok(term)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms_of_requirements() {
        let object = json!({ "metadata": { "name": "n", "labels": { "a": "1", "x/y": "z" } }, "status": { "phase": "Running" } });
        let yes = ["", "a=1", "a==1", "a", "!b", "a!=2", "b!=1", "a in (1,2)", "a notin (2), x/y", "a=1,x/y=z"];
        let no = ["a=2", "b", "!a", "a!=1", "a in (2,3)", "a notin (1,2)", "a=1,x/y=q"];
        let meant = |labels: &str| Selector::parse(labels, "").expect("valid").matches(&object);
        assert!(yes.into_iter().all(meant), "{:?}", yes.map(meant));
        assert!(!no.into_iter().any(meant), "{:?}", no.map(meant));
        let fields = |fields: &str| Selector::parse("", fields).expect("valid").matches(&object);
        assert!(fields("metadata.name=n") && fields("status.phase!=Failed") && !fields("metadata.name=m"));
        assert!(Selector::parse("a&b", "").is_err());
    }
}
