//! YAML in, settings out; what is not understood is named.

use api::Scaling;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::check;

/// Reads a text with the fields of `spec.scaling`.
///
/// # Errors
/// Names the field, its value, and what would be right; the line where the text is no YAML.
pub fn scaling(text: &str) -> Result<Scaling, String> {
    let scaling = section(text).map_err(|error| match error {
        Error::Yaml(error) => format!("not YAML: {error}"),
        Error::Kind(error) => error,
        Error::Unknown(field) => format!("{field} is no setting; `kubectl explain todoapp.spec.scaling` lists them"),
    })?;
    check::scaling(&scaling)?;
    Ok(scaling)
}

/// What is wrong with a text, before its values are looked at.
pub(crate) enum Error {
    /// It is no YAML, and where.
    Yaml(String),
    /// A value is of another kind.
    Kind(String),
    /// There is no such field.
    Unknown(String),
}

pub(crate) fn section<T: DeserializeOwned + Serialize + Default>(text: &str) -> Result<T, Error> {
    let given: Value = serde_saphyr::from_str(text).map_err(|error| Error::Yaml(error.to_string()))?;
    if given.is_null() {
        return Ok(T::default());
    }
    let fields = given.as_object().ok_or_else(|| Error::Kind(format!("{given}: must be fields, such as `max: 10`")))?;
    if let Some((field, text)) = endless(&given) {
        return Err(Error::Kind(format!("{field} is '{text}': no time is so long")));
    }
    let parsed: T = serde_json::from_value(given.clone())
        .map_err(|error| Error::Kind(wrong::<T>(fields, &|value| value).unwrap_or_else(|| error.to_string())))?;
    match unknown(&given, &serde_json::to_value(&parsed).unwrap_or_default()) {
        Some(field) => Err(Error::Unknown(field)),
        None => Ok(parsed),
    }
}

/// The first field with a duration beyond all reckoning, at which kube's `Duration` panics instead of refusing it.
fn endless(given: &Value) -> Option<(String, &str)> {
    const NUMBER_MAX: f64 = 1e12;
    given.as_object()?.iter().find_map(|(name, value)| {
        if let Some((inner, text)) = endless(value) {
            return Some((format!("{name}.{inner}"), text));
        }
        let text = value.as_str()?;
        let is_time =
            text.chars().all(|c| matches!(c, '0'..='9' | '.' | '+' | '-' | 'h' | 'm' | 's' | 'u' | 'n' | 'µ' | 'μ'));
        let mut numbers = text.split(char::is_alphabetic).filter_map(|number| number.parse::<f64>().ok());
        (is_time && numbers.any(|number| number > NUMBER_MAX)).then(|| (name.clone(), text))
    })
}

/// The first field that cannot be read by itself, and why: serde's own words name none.
fn wrong<T: DeserializeOwned>(fields: &Map<String, Value>, around: &dyn Fn(Value) -> Value) -> Option<String> {
    fields.iter().find_map(|(name, value)| {
        let alone = |value| around(Value::Object(Map::from_iter([(name.clone(), value)])));
        let error = serde_json::from_value::<T>(alone(value.clone())).err()?;
        let inner = value.as_object().and_then(|fields| wrong::<T>(fields, &alone));
        Some(inner.map_or_else(|| format!("{name}: {error}"), |inner| format!("{name}.{inner}")))
    })
}

/// The first field that was given and not understood.
fn unknown(given: &Value, understood: &Value) -> Option<String> {
    given.as_object()?.iter().find_map(|(name, value)| match understood.get(name) {
        _ if value.is_null() => None,
        None => Some(name.clone()),
        Some(known) => unknown(value, known).map(|inner| format!("{name}.{inner}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_is_read() {
        assert_eq!(scaling("# nothing\n"), Ok(Scaling::default()));
        assert_eq!(scaling("max: 3\nwindow: 30s\n").map(|s| s.max), Ok(Some(3)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("max: 0", "max is 0: must be from 1 to 1000"),
            ("windwo: 60s", "windwo is no setting; `kubectl explain todoapp.spec.scaling` lists them"),
            ("max: many", r#"max: invalid type: string "many", expected u32"#),
            ("min: 1\nburst: {windowPercent: x}", r#"burst.windowPercent: invalid type: string "x", expected f64"#),
            (
                "metric: Disk",
                "metric: unknown variant `Disk`, expected one of `Concurrency`, `RequestRate`, `CPU`, `Memory`",
            ),
            (
                "metric: Memory\nutilizationPercent: 70",
                "utilizationPercent is 70: must not be set with metric Memory, for `target` is a percentage already",
            ),
            ("window: 99999999999999999999h", "window is '99999999999999999999h': no time is so long"),
            (
                "burst: {windowPercent: 1}\nzeroGrace: 1m9999999999999999999s",
                "zeroGrace is '1m9999999999999999999s': no time",
            ),
            ("- 1", "[1]: must be fields, such as `max: 10`"),
        ] {
            let told = scaling(text).expect_err(text);
            assert!(told.starts_with(expected), "{text}: {told}");
        }
        let told = scaling("max: 3\nmin: {").expect_err("no YAML");
        assert!(told.starts_with("not YAML: ") && told.contains("line 2"), "{told}");
    }
}
