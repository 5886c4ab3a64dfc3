//! One JSON object per line.

use serde_json::Value;

use super::Line;
use crate::trace::Trace;

/// The field with the key.
pub(crate) struct Field {
    name: String,
}

impl Field {
    /// `name` is that of a field, or the path to a nested field, such as `request.path`.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        object.get(&self.name).or_else(|| self.name.split('.').try_fold(object, |value, name| value.get(name)))
    }

    pub(super) fn line(&self, line: &[u8], trace: &mut Trace) -> Line {
        let Ok(object) = serde_json::from_slice::<Value>(line) else { return Line::Unreadable };
        match self.find(&object) {
            Some(Value::String(key)) => Line::of(trace.push(key.as_bytes())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Line::of(trace.push(value.to_string().as_bytes())),
            _ => Line::Unreadable,
        }
    }
}

/// The names of the fields in a line, including nested ones. `None` if the line is not an object.
pub(super) fn fields(line: &[u8]) -> Option<Vec<String>> {
    let Value::Object(object) = serde_json::from_slice(line).ok()? else { return None };
    let mut names = Vec::new();
    for (name, value) in &object {
        match value {
            Value::Object(inner) => names.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            Value::Array(_) | Value::Null => {}
            _ => names.push(name.clone()),
        }
    }
    Some(names)
}
