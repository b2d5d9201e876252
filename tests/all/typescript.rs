//! Sources in TypeScript that are made to be slow, deep or large: they meet the limits of their own
//! sandbox, and the next one is as if nothing had been.

use sandcell::{LimitKey, Policy, Program, Status};
use sandcell_tests::guests;

/// A beginning, what is repeated, and how often. Among them are those that take parsers written in
/// other languages seconds, gigabytes or their stack (docs/decisions/013).
const SHAPES: &[(&str, &str, usize)] = &[
    ("", "f<T>(", 24),
    ("", "<T>(", 40),
    ("", "a<", 3_200),
    ("", "a?(b,c=", 3_200),
    ("x = ", "<A>", 8_000),
    ("x = ", "(", 100_000),
    ("x = ", "[", 100_000),
    ("x = ", "!", 100_000),
    ("x = ", "- ", 100_000),
    ("x = ", "new ", 50_000),
    ("x = ", "a=>", 50_000),
    ("x = ", "async (a) => ", 10_000),
    ("x = ", "a?b:", 50_000),
    ("x = ", "`${", 20_000),
    ("x = ", "{a:", 50_000),
    ("x = 1", " as any", 20_000),
    ("x = 1", "!", 50_000),
    ("x = 1", "+1", 50_000),
    ("x = 1", "**1", 20_000),
    ("", "{", 100_000),
    ("", "if(1)", 50_000),
    ("", "for(;;)", 50_000),
    ("", "label:", 50_000),
    ("", "class A extends ", 20_000),
    ("", "class A { m() { ", 10_000),
    ("", "namespace A { ", 10_000),
    ("", "namespace A { export const a = 1; ", 5_000),
    ("", "enum E { A = (() => { ", 5_000),
    ("namespace A", ".A", 20_000),
    ("enum E { ", "A,", 50_000),
    ("let a: ", "Array<", 20_000),
    ("let a: ", "(", 50_000),
    ("let a: ", "{a:", 50_000),
    ("let a: ", "keyof ", 50_000),
    ("let a: ", "A extends B ? ", 20_000),
    ("let a: A", "[]", 50_000),
    ("let a: A", "|A", 50_000),
    ("type A = ", "`${", 20_000),
    ("function f(", "@d ", 50_000),
    ("import { ", "type A,", 50_000),
    ("", "/*", 100_000),
    ("", "/** @type {", 20_000),
    ("", "\u{2028}", 100_000),
    ("", "<!--", 50_000),
    ("", "declare module A { ", 10_000),
];

#[test]
fn a_source_that_is_made_to_be_slow_or_deep_meets_the_limits_of_its_own_sandbox() {
    for (start, repeated, count) in SHAPES {
        let source = format!("{start}{}", repeated.repeat(*count));
        for closed in [false, true] {
            let source = if closed { format!("{source}1{}", closing(&source)) } else { source.clone() };
            let limits = [("fuel", 3_000_000_000), ("memory_bytes", 128 << 20)];
            let outcome = guests::run_in(guests::typescript(), Policy::new(), &limits, Program::code(source));
            let ok = match &outcome.status {
                Status::Exited { .. } => true,
                Status::Raised { r#type, .. } => {
                    ["SyntaxError", "RangeError", "InternalError", "ReferenceError", "TypeError"]
                        .contains(&r#type.as_str())
                }
                Status::Exceeded { limit } => matches!(limit, LimitKey::Fuel | LimitKey::MemoryBytes),
                _ => false,
            };
            assert!(
                ok,
                "{start}{repeated} x {count}, closed: {closed}: {:?}\n{}",
                outcome.status,
                outcome.stderr_text()
            );
        }
    }
    let after = guests::run_in(guests::typescript(), Policy::new(), &[], Program::code("const x: number = 41; x + 1"));
    assert_eq!(after.result, Some(serde_json::json!(42)));
}

/// What closes the brackets of a source.
fn closing(source: &str) -> String {
    let closing = source.chars().rev().filter_map(|open| match open {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        '<' => Some('>'),
        '`' => Some('`'),
        _ => None,
    });
    closing.collect()
}

#[test]
fn a_session_goes_on_after_a_program_that_was_none() {
    let mut sandbox = guests::sandbox(guests::typescript(), Policy::new(), guests::limits(&[]));
    let run = |sandbox: &mut sandcell::Sandbox, code: &str| sandbox.run(Program::code(code)).unwrap();
    assert!(run(&mut sandbox, "const kept: number = 3").is_success());
    for wrong in ["let x: = 1", "enum {", &"(".repeat(100_000), "@d class A {}", "\u{0}"] {
        match sandbox.run(Program::code(wrong)) {
            Ok(outcome) => {
                assert!(matches!(outcome.status, Status::Raised { .. }), "{wrong:.20}: {:?}", outcome.status)
            }
            Err(error) => assert_eq!(error.code(), sandcell::Code::ProgramInvalid, "{wrong:.20}"),
        }
    }
    assert_eq!(run(&mut sandbox, "kept as any as string").result, Some(serde_json::json!(3)));
}

#[test]
fn what_is_no_more_than_types_leaves_every_other_character_where_it_was() {
    // The position of an error tells where a token is: it is put behind more and more of a source.
    let source = "interface A<T> { x: T }\nconst f = <T extends object>(a?: A<T>, ...b: Array<() => void>): a is A<T> => a! as any satisfies unknown;\n\
                  abstract class B<T> implements A<T> { declare y: number; private readonly x!: T; abstract m(): void; protected n(this: B<T>): T { return this.x } }\n";
    let statements: Vec<&str> = source.lines().collect();
    for at in 0..=statements.len() {
        let (before, after) = statements.split_at(at);
        let program = format!("{}\n/* é */ let z: Map<string, number> = ;\n{}", before.join("\n"), after.join("\n"));
        let outcome = guests::run_in(guests::typescript(), Policy::new(), &[], Program::code(program).named("main.ts"));
        let expected = format!(
            "/program/main.ts:{}:{}",
            before.len().max(1) + 1,
            "/* e */ let z: Map<string, number> = ".len() + 1
        );
        assert!(outcome.stderr_text().contains(&expected), "{expected}\n{}", outcome.stderr_text());
    }
}
