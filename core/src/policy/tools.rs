//! Which tools a guest may call, how often and with which arguments: plain data.
//!
//! Nothing is judged here. What the data means is compiled when a sandbox is built, together with
//! the tools that were handed over.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// Which tools a guest may call, and under which rules. The default is every tool that was handed
/// over, without further rules.
///
/// ```
/// use sandcell::{ArgumentRule, Policy, ToolPolicy, ToolRule};
/// let search = ToolRule::new().calls(5).argument("query", ArgumentRule::new().pattern("[a-z ]{1,80}"));
/// let policy = Policy::new().tools(ToolPolicy::new().allow(["price", "search"]).rule("search", search));
/// let text = serde_json::to_string(&policy).unwrap();
/// assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
/// assert!(serde_json::from_str::<ToolPolicy>(r#"{"alow": []}"#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolPolicy {
    /// The tools that may be called; unset means all that were handed over. A call of another is
    /// denied.
    pub allow: Option<Vec<String>>,
    /// Binds the tools as plain globals of the guest's language too: `price("apple")` beside
    /// `tools.price("apple")`.
    pub globals: bool,
    /// Rules by the tool's name.
    pub rules: BTreeMap<String, ToolRule>,
}

/// What holds for the calls of one tool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolRule {
    /// The most calls of the tool in one run; unset means that only `host_calls` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Rules by the argument's name. A dot leads into an object: `options.depth`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, ArgumentRule>,
}

/// What one argument must be; all conditions that are set must hold.
///
/// An argument with a rule must be present, unless it is optional. One whose JSON type is not that
/// of a condition breaks the rule: `minimum` admits no string, `prefix` no number.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArgumentRule {
    /// The one value that it may have. Numbers are equal when they are the same number, so 1 is 1.0.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The values that it may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Number>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Number>,
    /// What the text starts with. It says nothing of what follows, so paths and addresses need
    /// more than a prefix: `/data/` also admits `/data/../etc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A regular expression that the whole text matches, not only a part of it. Syntax of the
    /// crate `regex`, which takes linear time: no look-around, no back-references.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Lets the argument be absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl ToolPolicy {
    /// Every tool that was handed over, without further rules.
    pub fn new() -> ToolPolicy {
        ToolPolicy::default()
    }

    /// Lets the guest call these tools and, if called again, more.
    #[must_use]
    pub fn allow<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> ToolPolicy {
        self.allow.get_or_insert_default().extend(names.into_iter().map(Into::into));
        self
    }

    /// Binds the tools as plain globals of the guest's language too.
    #[must_use]
    pub fn globals(mut self, globals: bool) -> ToolPolicy {
        self.globals = globals;
        self
    }

    /// Sets the rule of one tool.
    #[must_use]
    pub fn rule(mut self, tool: impl Into<String>, rule: ToolRule) -> ToolPolicy {
        self.rules.insert(tool.into(), rule);
        self
    }
}

impl ToolRule {
    /// A rule that holds for every call.
    pub fn new() -> ToolRule {
        ToolRule::default()
    }

    /// Sets the most calls in one run.
    #[must_use]
    pub fn calls(mut self, most: u64) -> ToolRule {
        self.calls = Some(most);
        self
    }

    /// Sets the rule of one argument; a dot leads into an object.
    #[must_use]
    pub fn argument(mut self, path: impl Into<String>, rule: ArgumentRule) -> ToolRule {
        self.arguments.insert(path.into(), rule);
        self
    }
}

impl ArgumentRule {
    /// A rule that any value keeps, if there is one.
    pub fn new() -> ArgumentRule {
        ArgumentRule::default()
    }

    /// Sets the one value.
    #[must_use]
    pub fn equals(mut self, value: impl Into<Value>) -> ArgumentRule {
        self.equals = Some(value.into());
        self
    }

    /// Sets the values.
    #[must_use]
    pub fn one_of<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> ArgumentRule {
        self.one_of = Some(values.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the least number.
    #[must_use]
    pub fn minimum(mut self, minimum: impl Into<Number>) -> ArgumentRule {
        self.minimum = Some(minimum.into());
        self
    }

    /// Sets the greatest number.
    #[must_use]
    pub fn maximum(mut self, maximum: impl Into<Number>) -> ArgumentRule {
        self.maximum = Some(maximum.into());
        self
    }

    /// Sets what the text starts with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> ArgumentRule {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the regular expression of the whole text.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>) -> ArgumentRule {
        self.pattern = Some(pattern.into());
        self
    }

    /// Says whether the argument may be absent.
    #[must_use]
    pub fn optional(mut self, optional: bool) -> ArgumentRule {
        self.optional = optional;
        self
    }
}

/// `"equals": null` demands null; serde alone would read it as unset.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_json_form_is_the_documented_one_and_comes_back_equal() {
        let json = json!({
            "allow": ["price", "search"],
            "globals": true,
            "rules": {"price": {"calls": 5, "arguments": {
                "a": {"equals": null},
                "b": {"one_of": ["x", 1]},
                "options.depth": {"minimum": -1, "maximum": 2.5, "optional": true},
                "path": {"prefix": "/data/", "pattern": "[a-z/]+"},
            }}},
        });
        let policy: ToolPolicy = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(policy.rules["price"].arguments["a"].equals, Some(Value::Null));
        assert_eq!(serde_json::to_value(&policy).unwrap(), json);
        let empty = json!({"allow": null, "globals": false, "rules": {}});
        assert_eq!(serde_json::to_value(ToolPolicy::new()).unwrap(), empty);
        assert_eq!(serde_json::from_value::<ToolPolicy>(json!({})).unwrap(), ToolPolicy::new());
    }

    #[test]
    fn a_misspelt_word_is_refused_wherever_it_stands() {
        for json in [
            json!({"global": true}),
            json!({"rules": {"price": {"call": 5}}}),
            json!({"rules": {"price": {"arguments": {"a": {"equal": 1}}}}}),
            json!({"rules": {"price": {"arguments": {"a": {"minimum": "1"}}}}}),
        ] {
            assert!(serde_json::from_value::<ToolPolicy>(json.clone()).is_err(), "{json}");
        }
    }
}
