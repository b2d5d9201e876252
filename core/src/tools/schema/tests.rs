//! What schemas admit, what they refuse with which words, and what hostile ones cost.

use super::*;
use serde_json::json;
use std::time::{Duration, Instant};

fn schema(json: Value) -> InputSchema {
    InputSchema::compile(&json).unwrap()
}

/// What the schema says of arguments.
fn said(schema: &InputSchema, arguments: Value) -> Result<(), String> {
    let Value::Object(arguments) = arguments else { panic!("not an object") };
    schema.check(&arguments)
}

/// A schema with the one argument `x`.
fn of(x: Value) -> InputSchema {
    schema(json!({"type": "object", "properties": {"x": x}, "required": ["x"], "additionalProperties": false}))
}

#[test]
fn arguments_that_fit_pass_and_others_are_told_what_does_not() {
    let search = schema(json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 2, "maxLength": 5},
            "limit": {"type": "integer", "minimum": 1, "maximum": 9},
            "mode": {"enum": ["fast", "deep", null]},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "uniqueItems": true},
            "inner": {"type": "object", "properties": {"deep": {"type": "array", "items": {"type": ["number", "null"]}}}},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["query"],
        "additionalProperties": false,
    }));
    for good in [
        json!({"query": "ab"}),
        json!({"query": "ÄÖÜẞé", "limit": 9.0, "mode": null, "tags": ["a", "b"], "inner": {"more": 1, "deep": [1, 0.5, null]}}),
        json!({"query": "abc", "either": null}),
    ] {
        assert_eq!(said(&search, good.clone()), Ok(()), "{good}");
    }
    for (bad, message) in [
        (json!({}), "the arguments must have `query`"),
        (json!({"query": "ab", "querry": 1}), "the arguments must not have `querry`"),
        (json!({"query": 5}), "`query` must be a string"),
        (json!({"query": "a"}), "`query` must have at least 2 characters"),
        (json!({"query": "abcdef"}), "`query` must have at most 5 characters"),
        (json!({"query": "ab", "limit": 0}), "`limit` must be at least 1"),
        (json!({"query": "ab", "limit": 1.5}), "`limit` must be an integer"),
        (json!({"query": "ab", "limit": "1"}), "`limit` must be an integer"),
        (json!({"query": "ab", "mode": "slow"}), "`mode` must be one of \"fast\", \"deep\", null"),
        (json!({"query": "ab", "tags": ["a", "B"]}), "`tags[1]` must match the pattern `^[a-z]+$`"),
        (json!({"query": "ab", "tags": ["a", "b", "a"]}), "`tags` must not hold the same item twice"),
        (json!({"query": "ab", "inner": {"deep": [1, "x"]}}), "`inner.deep[1]` must be a number or null"),
        (json!({"query": "ab", "either": 7}), "`either` must be a string or null"),
    ] {
        assert_eq!(said(&search, bad.clone()), Err(message.to_owned()), "{bad}");
    }
}

#[test]
fn numbers_are_judged_exactly() {
    let limits = of(json!({"type": "integer", "minimum": -9_007_199_254_740_993_i64, "exclusiveMaximum": u64::MAX}));
    for good in [json!(-9_007_199_254_740_993_i64), json!(u64::MAX - 1), json!(0)] {
        assert_eq!(said(&limits, json!({"x": good})), Ok(()));
    }
    assert!(said(&limits, json!({"x": -9_007_199_254_740_994_i64})).is_err());
    assert_eq!(said(&limits, json!({"x": u64::MAX})), Err("`x` must be less than 18446744073709551615".into()));
    assert!(said(&limits, json!({"x": 1e300})).is_err());
    let draft4 = of(json!({"minimum": 1, "exclusiveMinimum": true}));
    assert!(said(&draft4, json!({"x": 1})).is_err() && said(&draft4, json!({"x": 1.0001})).is_ok());
    let cents = of(json!({"multipleOf": 0.01}));
    assert!(said(&cents, json!({"x": 19.99})).is_ok() && said(&cents, json!({"x": 19.995})).is_err());
}

#[test]
fn recursive_schemas_end_and_references_stay_inside() {
    let tree = schema(json!({
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {
            "type": "object",
            "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["value"],
        }},
    }));
    assert_eq!(said(&tree, json!({"root": {"value": 1, "children": [{"value": 2, "children": []}]}})), Ok(()));
    assert_eq!(
        said(&tree, json!({"root": {"value": 1, "children": [{"value": 2}, {"value": "3"}]}})),
        Err("`root.children[1].value` must be an integer".into())
    );
    for (reference, message) in [
        ("https://example.com/schema.json", "leads out of the schema"),
        ("file:///etc/passwd", "leads out of the schema"),
        ("other.json#/a", "leads out of the schema"),
        ("#/$defs/gone", "leads nowhere"),
        ("#gone", "leads nowhere"),
    ] {
        let refused = InputSchema::compile(&json!({"type": "object", "properties": {"x": {"$ref": reference}}}));
        assert!(refused.unwrap_err().contains(message), "{reference}");
    }
}

#[test]
fn a_schema_that_cannot_be_kept_is_refused_with_its_place() {
    let deep = (0..60).fold(json!({}), |inner, _| json!({"items": inner}));
    for (x, message) in [
        (json!({"type": "text"}), "`/properties/x/type` must be a type of JSON"),
        (json!({"type": []}), "`/properties/x/type` must be a type of JSON"),
        (json!({"pattern": "(?!a)"}), "`/properties/x/pattern` is no regular expression that runs in linear time"),
        (json!({"pattern": r"\w{500}{500}"}), "`/properties/x/pattern` is too large"),
        (json!({"minLength": -1}), "`/properties/x/minLength` must be a count"),
        (json!({"multipleOf": 0}), "`/properties/x/multipleOf` must be greater than 0"),
        (json!({"enum": 1}), "`/properties/x/enum` must be a list"),
        (json!({"anyOf": []}), "`/properties/x/anyOf` must be a list of schemas that is not empty"),
        (json!({"items": 5}), "`/properties/x/items` is not a schema"),
        (json!({"unevaluatedProperties": false}), "`/properties/x`: `unevaluatedProperties` is not supported"),
        (json!({"$id": "https://example.com/"}), "`/properties/x`: `$id` is not supported below the root"),
        (deep, "more than 56 levels"),
    ] {
        let refused = InputSchema::compile(&json!({"type": "object", "properties": {"x": x}})).unwrap_err();
        assert!(refused.contains(message), "{refused}");
    }
    for root in [json!({}), json!({"type": "string"}), json!({"type": ["object"]}), json!(true), json!(1)] {
        assert_eq!(InputSchema::compile(&root).unwrap_err(), "`type` must be \"object\"");
    }
}

#[test]
fn a_message_is_short_whatever_the_guest_sends() {
    let long = "ж".repeat(100_000);
    let strict = schema(json!({"type": "object", "properties": {"x": {"const": long}}, "additionalProperties": false}));
    for arguments in [json!({ long.clone(): 1 }), json!({"x": long.clone() + "!"})] {
        let message = said(&strict, arguments).unwrap_err();
        assert!(message.chars().count() <= MAX_MESSAGE, "{}", message.len());
        assert!(message.matches('ж').count() <= 64);
    }
    let names = schema(json!({"type": "object", "additionalProperties": {"additionalProperties": {"type": "null"}}}));
    let message = said(&names, json!({ long.clone(): { long.clone(): 1 } })).unwrap_err();
    assert!(message.matches('ж').count() <= 64, "{message}");
}

#[test]
fn hostile_schemas_and_arguments_end_with_an_answer() {
    let twice = json!({"properties": {"c": {"$ref": "#/$defs/n"}}});
    let doubling = schema(json!({
        "type": "object",
        "properties": {"c": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"anyOf": [
            {"allOf": [twice, {"required": ["gone"]}]}, {"allOf": [twice, {"required": ["lost"]}]}, {"allOf": [twice, false]},
        ]}},
    }));
    let deep = (0..60).fold(json!({}), |inner, _| json!({"c": inner}));
    let circle = schema(json!({"type": "object", "allOf": [{"$ref": "#"}]}));
    let unique = of(json!({"uniqueItems": true}));
    let many: Vec<Value> = (0..300_000).map(Value::from).collect();
    let start = Instant::now();
    assert_eq!(said(&circle, json!({})), Err("the arguments lie too deep to check against the schema".into()));
    let message = said(&doubling, deep).unwrap_err();
    assert!(message.ends_with("take too long to check against the schema"), "{message}");
    assert_eq!(said(&unique, json!({"x": many})), Ok(()));
    // Without a bound on steps the second alone would take 3^60 of them.
    assert!(start.elapsed() < Duration::from_secs(20));
}
