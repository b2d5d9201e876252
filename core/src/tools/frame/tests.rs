//! Every rule of the protocol, broken one at a time.

use super::*;
use serde_json::json;
use std::time::{Duration, Instant};

fn frame(text: &str) -> Frame {
    parse(text.as_bytes()).unwrap()
}

fn refused(text: &str) -> Refused {
    parse(text.as_bytes()).expect_err(text)
}

fn call_with(arguments: &str) -> String {
    format!(r#"{{"v":1,"id":5,"op":"call","tool":"t","args":{arguments}}}"#)
}

#[test]
fn each_request_of_both_versions_is_read() {
    assert_eq!(frame(r#"{"v":1,"id":0,"op":"list"}"#), Frame { v: 1, id: 0, request: Request::List });
    let Frame { v: 2, id: 9_007_199_254_740_991, request: Request::Call(call) } = frame(
        " {\"op\":\"call\",\"args\":{\"a\":[1,-2,2.5,null,true,\"\\ud83d\\ude00\"],\"b\":{\"$bytes\":\"AA==\"}},\"tool\":\"t\",\"id\":9007199254740991,\"v\":2}\n",
    ) else {
        panic!("another request");
    };
    assert_eq!(call.tool, "t");
    assert_eq!(Value::from(call.arguments), json!({"a": [1, -2, 2.5, null, true, "😀"], "b": {"$bytes": "AA=="}}));

    let Request::Batch(calls) =
        frame(r#"{"v":2,"id":1,"op":"batch","calls":[{"tool":"a","args":{}},{"args":{"x":1},"tool":"b"}]}"#).request
    else {
        panic!("another request");
    };
    assert_eq!((calls.len(), calls[1].tool.as_str(), &calls[1].arguments["x"]), (2, "b", &json!(1)));
    assert_eq!(
        frame(r#"{"v":2,"id":1,"op":"search","query":"price of","limit":100}"#).request,
        Request::Search { query: "price of".into(), limit: 100 }
    );
    assert_eq!(
        frame(r#"{"v":2,"id":1,"op":"describe","names":["a","b"],"language":"typescript"}"#).request,
        Request::Describe { names: vec!["a".into(), "b".into()], language: DeclarationLanguage::TypeScript }
    );
}

#[test]
fn a_frame_that_breaks_a_rule_is_refused_with_that_rule_and_its_id() {
    for (text, message) in [
        (r#"{"id":5,"op":"list"}"#, "`v` is missing"),
        (r#"{"v":3,"id":5,"op":"list"}"#, "`v` must be 1 or 2"),
        (r#"{"v":1.0,"id":5,"op":"list"}"#, "`v` must be 1 or 2"),
        (r#"{"v":1,"id":5}"#, "`op` is missing"),
        (r#"{"v":1,"id":5,"op":"run"}"#, "there is no `op` `run`"),
        (r#"{"v":1,"id":5,"op":"batch","calls":[]}"#, "`op` batch needs `v` 2"),
        (r#"{"v":1,"id":5,"op":"list","tool":"t"}"#, "there is no field `tool` here"),
        (r#"{"v":1,"id":5,"op":"call","tool":"t"}"#, "`args` is missing"),
        (r#"{"v":1,"id":5,"op":"call","tool":1,"args":{}}"#, "`tool` must be a string"),
        (r#"{"v":1,"id":5,"op":"call","tool":"t","args":[]}"#, "`args` must be an object"),
        (r#"{"v":2,"id":5,"op":"batch","calls":[]}"#, "`calls` must hold a call"),
        (r#"{"v":2,"id":5,"op":"batch","calls":[{"tool":"t","args":{},"id":1}]}"#, "there is no field `id` here"),
        (r#"{"v":2,"id":5,"op":"batch","calls":[[]]}"#, "each of `calls` must be an object"),
        (r#"{"v":2,"id":5,"op":"search","query":"q","limit":0}"#, "`limit` must lie in 1..=100"),
        (r#"{"v":2,"id":5,"op":"search","query":"q","limit":101}"#, "`limit` must lie in 1..=100"),
        (r#"{"v":2,"id":5,"op":"describe","names":[1],"language":"python"}"#, "each of `names` must be a string"),
        (r#"{"v":2,"id":5,"op":"describe","names":[],"language":"perl"}"#, "there is no `language` `perl`"),
    ] {
        assert_eq!(refused(text), Refused { id: Some(5), message: message.into() }, "{text}");
    }
}

#[test]
fn an_id_that_is_no_id_is_refused_and_not_echoed() {
    for id in ["-1", "1.0", "9007199254740992", "\"1\"", "null", "1e3"] {
        let Refused { id: None, message } = refused(&format!(r#"{{"v":1,"id":{id},"op":"list"}}"#)) else {
            panic!("{id} was echoed");
        };
        assert!(message.starts_with("`id` must be"), "{message}");
    }
}

#[test]
fn json_that_is_not_strict_is_refused() {
    for (arguments, message) in [
        (r#"{"a":1,"a":2}"#, "the key `a` stands twice"),
        (r#"{"a":{"b":1,"\u0062":2}}"#, "the key `b` stands twice"),
        (r#"{"a":NaN}"#, "expected"),
        (r#"{"a":-Infinity}"#, "invalid number"),
        (r#"{"a":1e999}"#, "number out of range"),
        (r#"{"a":01}"#, "invalid number"),
        (r#"{"a":"\ud800"}"#, "unexpected end of hex escape"),
        (r#"{"a":"\ud800\u0041"}"#, "lone leading surrogate"),
        (r#"{"\udc00":1}"#, "lone"),
        (r#"{"a":1,}"#, "trailing comma"),
        (r#"{"a":'b'}"#, "expected"),
        (r#"{"$bytes":"AA==","a":1}"#, "no other key"),
        (r#"{"a":[{"$bytes":"AA"}]}"#, "must be base64"),
        (r#"{"a":{"$bytes":7}}"#, "must be base64"),
        ("{\"a\":\"\u{1}\"}", "control character"),
    ] {
        let found = refused(&call_with(arguments));
        assert!(found.message.contains(message), "{arguments}: {}", found.message);
        assert_eq!(found.id, Some(5), "{arguments}");
    }
    assert_eq!(
        refused(r#"{"v":1,"id":5,"id":6,"op":"list"}"#).message,
        "the key `id` stands twice at line 1 column 20"
    );
    for (bytes, message) in [
        (&b"{\"v\":1,\"id\":5,\"op\":\"\xff\"}"[..], "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"\"secret\"", "not a JSON object"),
        (b"{\"v\":1", "EOF"),
        (b"{\"v\":1,\"id\":5,\"op\":\"list\"} x", "trailing characters"),
    ] {
        assert!(parse(bytes).unwrap_err().message.contains(message), "{bytes:?}: {:?}", parse(bytes));
    }
}

#[test]
fn nesting_is_counted_from_the_frame_and_ends_at_64_levels() {
    let nested = |levels: usize| call_with(&format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels)));
    assert!(parse(nested(62).as_bytes()).is_ok(), "the frame, `args` and 62 lists");
    assert!(refused(&nested(63)).message.starts_with("more than 64 levels of nesting"));
}

#[test]
fn hostile_depth_costs_nothing_and_is_refused() {
    let objects = call_with(&"{\"a\":".repeat(10_000));
    let lists = call_with(&"[".repeat(1 << 20));
    let start = Instant::now();
    for _ in 0..100 {
        assert!(refused(&objects).message.starts_with("more than 64"));
        assert!(refused(&lists).message.starts_with("more than 64"));
        assert!(refused(&"[".repeat(1 << 20)).message.starts_with("the frame is not"));
    }
    // It stops at the 65th level: reading on to the end would take a thousand times as long.
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_batch_of_more_calls_than_allowed_is_refused_while_it_is_read() {
    let calls = |count| {
        format!(r#"{{"v":2,"id":5,"op":"batch","calls":[{}]}}"#, vec![r#"{"tool":"t","args":{}}"#; count].join(","))
    };
    assert!(parse(calls(1000).as_bytes()).is_ok());
    assert!(refused(&calls(1001)).message.starts_with("a list of more than 1000 items"));
}

#[test]
fn a_message_repeats_at_most_64_characters_of_the_guest() {
    let long = "ж".repeat(10_000);
    for text in [
        format!(r#"{{"v":1,"id":5,"op":"{long}"}}"#),
        format!(r#"{{"v":1,"id":5,"op":"list","{long}":1}}"#),
        format!(r#"{{"v":1,"id":5,"op":"list","{long}":1,"{long}":1}}"#),
        format!(r#"{{"v":2,"id":5,"op":"describe","names":[],"language":"{long}"}}"#),
    ] {
        let message = refused(&text).message;
        assert_eq!(message.matches('ж').count(), 64, "{message}");
    }
    assert!(!refused(&format!("\"{long}\"")).message.contains('ж'));
}
