//! The policy for tools, compiled: may this call be made with these arguments?
//!
//! Every problem of a policy is found when a sandbox is built; judging a call cannot fail.

use super::number::{compare, same};
use super::pattern::Pattern;
use super::quote::{head, quote};
use crate::error::{Error, Result};
use crate::policy::{ArgumentRule, ToolPolicy, ToolRule};
use serde_json::{Map, Number, Value};
use std::collections::{HashMap, HashSet};

/// What a policy says of the tools that were handed over.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// `None`: every tool.
    allow: Option<HashSet<String>>,
    tools: HashMap<String, Rule>,
}

/// The rule that a call breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// Such as `symbol.one_of`. An absent argument breaks `symbol.optional`.
    pub(super) rule: String,
    /// For the guest; names rule and tool.
    pub(super) message: String,
}

#[derive(Debug)]
struct Rule {
    calls: Option<u64>,
    arguments: Vec<Argument>,
}

#[derive(Debug)]
struct Argument {
    path: String,
    optional: bool,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
enum Condition {
    Equals(Value),
    OneOf(Vec<Value>),
    Minimum(Number),
    Maximum(Number),
    Prefix(String),
    Pattern(Pattern),
}

impl Rules {
    /// Compiles a policy for the tools `known`.
    ///
    /// # Errors
    /// `tool_policy_invalid`, with everything that is wrong.
    pub(super) fn compile<'a>(policy: &ToolPolicy, known: impl Iterator<Item = &'a str>) -> Result<Rules> {
        let known: HashSet<&str> = known.collect();
        let mut problems = Vec::new();
        let mut is_known = |name: &str, place: &str| {
            if !known.contains(name) {
                problems.push(format!("`{place}` names {}, and no tool of that name was handed over", quote(name)));
            }
        };
        policy.allow.iter().flatten().for_each(|name| is_known(name, "allow"));
        policy.rules.keys().for_each(|name| is_known(name, "rules"));
        let mut tools = HashMap::new();
        for (name, rule) in &policy.rules {
            let mut found = |problem: String| problems.push(format!("{}: {problem}", quote(name)));
            tools.insert(name.clone(), Rule::compile(rule, &mut found));
        }
        if !problems.is_empty() {
            return Err(Error::ToolPolicyInvalid { reason: problems.join("; ") });
        }
        Ok(Rules { allow: policy.allow.as_ref().map(|names| names.iter().cloned().collect()), tools })
    }

    /// Whether the tool may be called at all.
    pub(super) fn allows(&self, tool: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.contains(tool))
    }

    /// The most calls of the tool in one run, if the policy has a number.
    pub(super) fn most_calls(&self, tool: &str) -> Option<u64> {
        self.tools.get(tool)?.calls
    }

    /// Judges the arguments of a call.
    pub(super) fn check(&self, tool: &str, arguments: &Map<String, Value>) -> std::result::Result<(), Violation> {
        let Some(rule) = self.tools.get(tool) else { return Ok(()) };
        for argument in &rule.arguments {
            argument.check(arguments).map_err(|(condition, reason)| {
                let rule = format!("{}.{condition}", argument.path);
                let message = format!("rule `{rule}` of tool `{tool}`: {reason}");
                Violation { rule, message }
            })?;
        }
        Ok(())
    }
}

impl Rule {
    fn compile(rule: &ToolRule, found: &mut impl FnMut(String)) -> Rule {
        let argument = |(path, rule): (&String, &ArgumentRule)| {
            let mut found = |problem: String| found(format!("{}: {problem}", quote(path)));
            Argument::compile(path, rule, &mut found)
        };
        Rule { calls: rule.calls, arguments: rule.arguments.iter().map(argument).collect() }
    }
}

impl Argument {
    fn compile(path: &str, rule: &ArgumentRule, found: &mut impl FnMut(String)) -> Argument {
        let ArgumentRule { equals, one_of, minimum, maximum, prefix, pattern, optional } = rule;
        if path.split('.').any(str::is_empty) {
            found("a name in it is empty".into());
        }
        if one_of.as_ref().is_some_and(Vec::is_empty) {
            found("`one_of` is empty".into());
        }
        if let (Some(minimum), Some(maximum)) = (minimum, maximum)
            && compare(minimum, maximum).is_gt()
        {
            found(format!("`minimum` {minimum} is greater than `maximum` {maximum}"));
        }
        let mut conditions = Vec::new();
        conditions.extend(equals.clone().map(Condition::Equals));
        conditions.extend(one_of.clone().map(Condition::OneOf));
        conditions.extend(minimum.clone().map(Condition::Minimum));
        conditions.extend(maximum.clone().map(Condition::Maximum));
        conditions.extend(prefix.clone().map(Condition::Prefix));
        match pattern.as_deref().map(Pattern::whole).transpose() {
            Ok(pattern) => conditions.extend(pattern.map(Condition::Pattern)),
            Err(reason) => found(format!("`pattern` {reason}")),
        }
        if conditions.is_empty() && *optional {
            found("it demands nothing".into());
        }
        Argument { path: path.to_owned(), optional: *optional, conditions }
    }

    /// The condition that does not hold, by its name, and why.
    fn check(&self, arguments: &Map<String, Value>) -> std::result::Result<(), (&'static str, String)> {
        let value = match self.find(arguments) {
            Ok(Some(value)) => value,
            Ok(None) if self.optional => return Ok(()),
            Ok(None) => return Err(("optional", "the argument must be given".into())),
            Err(name) => return Err(("optional", format!("{} is not an object", quote(name)))),
        };
        match self.conditions.iter().find(|condition| !condition.holds(value)) {
            None => Ok(()),
            Some(condition) => Err((condition.name(), condition.demand())),
        }
    }

    /// Follows the path; an error names what should have been an object.
    fn find<'a>(&'a self, arguments: &'a Map<String, Value>) -> std::result::Result<Option<&'a Value>, &'a str> {
        let mut names = self.path.split('.').peekable();
        let mut inside = arguments;
        while let Some(name) = names.next() {
            match inside.get(name) {
                None => return Ok(None),
                Some(value) if names.peek().is_none() => return Ok(Some(value)),
                Some(Value::Object(deeper)) => inside = deeper,
                Some(_) => return Err(name),
            }
        }
        Ok(None)
    }
}

impl Condition {
    fn name(&self) -> &'static str {
        match self {
            Condition::Equals(_) => "equals",
            Condition::OneOf(_) => "one_of",
            Condition::Minimum(_) => "minimum",
            Condition::Maximum(_) => "maximum",
            Condition::Prefix(_) => "prefix",
            Condition::Pattern(_) => "pattern",
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Condition::Equals(wanted), value) => same(wanted, value),
            (Condition::OneOf(wanted), value) => wanted.iter().any(|wanted| same(wanted, value)),
            (Condition::Minimum(least), Value::Number(number)) => compare(number, least).is_ge(),
            (Condition::Maximum(most), Value::Number(number)) => compare(number, most).is_le(),
            (Condition::Prefix(prefix), Value::String(text)) => text.starts_with(prefix),
            (Condition::Pattern(pattern), Value::String(text)) => pattern.matches(text),
            _ => false,
        }
    }

    /// What it demands, for the guest, who may read the rules that it is held to.
    fn demand(&self) -> String {
        const MAX_SHOWN: usize = 200;
        let shown = |value: &Value| head(&value.to_string(), MAX_SHOWN).to_owned();
        match self {
            Condition::Equals(value) => format!("the value must be {}", shown(value)),
            Condition::OneOf(values) => {
                let all: String = values.iter().map(|value| format!("{}, ", shown(value))).collect();
                format!("the value must be one of {}", head(all.trim_end_matches(", "), MAX_SHOWN))
            }
            Condition::Minimum(least) => format!("the value must be a number, at least {least}"),
            Condition::Maximum(most) => format!("the value must be a number, at most {most}"),
            Condition::Prefix(prefix) => format!("the value must be a text that starts with {}", quote(prefix)),
            Condition::Pattern(pattern) => {
                format!("the value must be a text that matches `{}`", head(pattern.text(), MAX_SHOWN))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(json: Value) -> ToolPolicy {
        serde_json::from_value(json).unwrap()
    }

    fn rules(arguments: Value) -> Rules {
        let policy = policy(json!({"rules": {"t": {"arguments": arguments}}}));
        Rules::compile(&policy, ["t"].into_iter()).unwrap()
    }

    /// The rule that the arguments break.
    fn broken(rules: &Rules, arguments: Value) -> Option<String> {
        let Value::Object(arguments) = arguments else { panic!("not an object") };
        rules.check("t", &arguments).err().map(|violation| violation.rule)
    }

    #[test]
    fn each_condition_admits_what_it_says_and_refuses_other_types() {
        for (rule, good, bad) in [
            (json!({"equals": "a"}), vec![json!("a")], vec![json!("b"), json!(null), json!(["a"])]),
            (json!({"equals": null}), vec![json!(null)], vec![json!(0), json!(false)]),
            (
                json!({"one_of": ["a", 1]}),
                vec![json!("a"), json!(1), json!(1.0)],
                vec![json!("1"), json!(2), json!(true)],
            ),
            (
                json!({"minimum": 0}),
                vec![json!(0), json!(0.5), json!(u64::MAX)],
                vec![json!(-1), json!("5"), json!(-1e-9)],
            ),
            (
                json!({"maximum": 9_007_199_254_740_992_u64}),
                vec![json!(9_007_199_254_740_992_u64), json!(-1e300)],
                vec![json!(9_007_199_254_740_993_u64), json!(null), json!([1])],
            ),
            (
                json!({"prefix": "/data/"}),
                vec![json!("/data/"), json!("/data/x")],
                vec![json!("/dat"), json!("x/data/"), json!(5)],
            ),
            (
                json!({"pattern": "a+"}),
                vec![json!("a"), json!("aaa")],
                vec![json!("ab"), json!("ba"), json!("a\n"), json!(""), json!(1)],
            ),
            (json!({"pattern": "a|ab"}), vec![json!("a"), json!("ab")], vec![json!("b"), json!("aba")]),
            (
                json!({"prefix": "a", "pattern": "[a-c]*", "one_of": ["abc", "add"]}),
                vec![json!("abc")],
                vec![json!("add"), json!("a")],
            ),
        ] {
            let name = rule.as_object().unwrap().keys().next().unwrap().clone();
            let alone = rule.as_object().unwrap().len() == 1;
            let rules = rules(json!({"x": rule}));
            for value in good {
                assert_eq!(broken(&rules, json!({"x": value})), None, "{rule} {value}");
            }
            for value in bad {
                let found = broken(&rules, json!({"x": value})).unwrap_or_else(|| panic!("{rule} admits {value}"));
                assert!(!alone || found == format!("x.{name}"), "{found}");
            }
        }
    }

    #[test]
    fn a_path_leads_into_objects_and_an_absent_argument_must_be_optional() {
        let strict = rules(json!({"options.depth": {"maximum": 3}}));
        let lenient = rules(json!({"options.depth": {"maximum": 3, "optional": true}}));
        for rules in [&strict, &lenient] {
            assert_eq!(broken(rules, json!({"options": {"depth": 3}})), None);
            assert_eq!(broken(rules, json!({"options": {"depth": 4}})).unwrap(), "options.depth.maximum");
            assert_eq!(broken(rules, json!({"options": {"depth": null}})).unwrap(), "options.depth.maximum");
            assert_eq!(broken(rules, json!({"options": [3]})).unwrap(), "options.depth.optional");
            assert_eq!(broken(rules, json!({"options": "x"})).unwrap(), "options.depth.optional");
        }
        for absent in [json!({}), json!({"options": {}}), json!({"options.depth": 9})] {
            assert_eq!(broken(&strict, absent.clone()).unwrap(), "options.depth.optional");
            assert_eq!(broken(&lenient, absent), None);
        }
        assert_eq!(broken(&rules(json!({"x": {}})), json!({})).unwrap(), "x.optional");
    }

    #[test]
    fn a_violation_names_rule_and_tool_and_stays_short() {
        let rules = rules(
            json!({"symbol": {"one_of": ["apple", "pear"]}, "long": {"equals": "x".repeat(5000), "optional": true}}),
        );
        let Err(violation) = rules.check("t", &Map::from_iter([("symbol".to_owned(), json!("gold"))])) else {
            panic!("gold passed");
        };
        assert_eq!(violation.message, r#"rule `symbol.one_of` of tool `t`: the value must be one of "apple", "pear""#);
        let Err(violation) = rules.check("t", &Map::from_iter([("long".to_owned(), json!("y"))])) else {
            panic!("y passed");
        };
        assert!(violation.message.len() < 400, "{}", violation.message);
    }

    #[test]
    fn what_is_not_named_is_free_and_what_is_not_allowed_is_not() {
        let policy = policy(json!({"allow": ["a", "b"], "rules": {"a": {"calls": 2}}}));
        let rules = Rules::compile(&policy, ["a", "b", "c"].into_iter()).unwrap();
        assert!(rules.allows("a") && rules.allows("b") && !rules.allows("c") && !rules.allows("d"));
        assert_eq!((rules.most_calls("a"), rules.most_calls("b")), (Some(2), None));
        assert!(rules.check("b", &Map::new()).is_ok());
        let none =
            Rules::compile(&ToolPolicy { allow: Some(Vec::new()), ..ToolPolicy::new() }, ["a"].into_iter()).unwrap();
        assert!(!none.allows("a") && Rules::default().allows("a"));
    }

    #[test]
    fn every_problem_of_a_policy_is_reported_at_once() {
        let policy = policy(json!({
            "allow": ["gone", "t"],
            "rules": {
                "other": {"calls": 1},
                "t": {"arguments": {
                    "a": {"pattern": "(" },
                    "b": {"pattern": "x{1,1000}{1,1000}"},
                    "c": {"minimum": 2, "maximum": 1.5},
                    "d..e": {"equals": 1},
                    "f": {"one_of": []},
                    "g": {"optional": true},
                    "h": {"pattern": "a)|(?:b"},
                    "i": {"pattern": "(?=a)b"},
                }},
            },
        }));
        let error = Rules::compile(&policy, ["t"].into_iter()).unwrap_err();
        assert_eq!(error.code(), crate::code::Code::ToolPolicyInvalid);
        let message = error.to_string();
        for part in [
            "`allow` names `gone`",
            "`rules` names `other`",
            "`t`: `a`: `pattern` is",
            "`b`: `pattern` is too large",
            "`c`: `minimum` 2 is greater than `maximum` 1.5",
            "`d..e`: a name in it is empty",
            "`f`: `one_of` is empty",
            "`g`: it demands nothing",
            "`h`: `pattern` is",
            "`i`: `pattern` is",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        assert_eq!(message.matches(';').count(), 9, "{message}");
    }
}
