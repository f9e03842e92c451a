//! The rule of a field that is a duration.

use kube::core::Rule;

/// A duration with units from `min` to `max`; `example` is shown to those who wrote something else.
pub(crate) fn within(min: &str, max: &str, example: &str) -> Rule {
    let (min_of, max_of) = (format!("duration('{min}')"), format!("duration('{max}')"));
    Rule::new(format!(
        "self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= {min_of} && duration(self) <= {max_of}"
    ))
    .message(&*format!("must be a duration from '{min}' to '{max}', such as '{example}'"))
}
