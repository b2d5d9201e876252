//! Tools: what a guest can call, what it gets, and what the policy says to that.

use sandcell::{
    ArgumentRule, CallOutcome, Code, Decision, Denial, Policy, Program, Sandbox, Tool, ToolCall, ToolError,
    ToolErrorKind, ToolPolicy, ToolRule,
};
use sandcell_tests::guests;
use sandcell_tests::toolbox::{echo, price, session, session_with};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a program prints that must end well.
fn printed(sandbox: &mut Sandbox, code: &str) -> String {
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert!(outcome.is_success(), "{outcome:#?}");
    outcome.stdout_text().into_owned()
}

/// How one call ends inside the guest: the class and kind of its error.
fn refused(sandbox: &mut Sandbox, call: &str) -> String {
    let code = format!(
        "from host import tools, ToolError\ntry:\n    print('VALUE', {call})\nexcept ToolError as e:\n    print(type(e).__name__, e.kind, e)"
    );
    printed(sandbox, &code).trim_end().to_owned()
}

#[test]
fn a_guest_calls_tools_as_functions_and_every_call_is_recorded() {
    let mut sandbox = session([price(), echo()]);
    let outcome = sandbox
        .run(Program::code(
            "from host import tools\nprint(tools.price('apple'), tools.price('apple', count=2), tools.price(count=4, symbol='apple'))\n\
             print(tools.echo(a=[1, {'b': None}], c='ü', d=b'\\x00\\xff'))",
        ))
        .unwrap();
    assert_eq!(
        outcome.stdout_text(),
        "1.25 2.5 5.0\n{'a': [1, {'b': None}], 'c': 'ü', 'd': b'\\x00\\xff'}\n",
        "{outcome:#?}"
    );
    assert_eq!(outcome.tool_calls.count(CallOutcome::Ok), 4);
    assert_eq!((outcome.tool_calls.calls.len(), outcome.usage.host_calls), (4, 4));
    let first = &outcome.tool_calls.calls[0];
    // printf '{"symbol":"apple"}' | sha256sum
    let digest = "8ebb5104428437bc878b6e621caa10367f70e9d0234b01d9bb7386e85e6806b7";
    assert_eq!(
        (first.tool.as_str(), first.outcome, first.arguments_sha256.as_str()),
        ("price", CallOutcome::Ok, digest)
    );
    assert!(first.request_bytes > 20 && first.result_bytes > 4);
    // The next run has a record of its own.
    assert!(sandbox.run(Program::code("1")).unwrap().tool_calls.is_empty());
}

#[test]
fn a_tool_describes_itself_to_the_program_and_to_its_writer() {
    let mut sandbox = session([price(), echo()]);
    let code = "from host import tools\nimport inspect\nprint(dir(tools)[-1:], 'price' in tools, inspect.signature(tools.price))\n\
                print(tools.price.__doc__.splitlines()[0])\nprint(tools.search('euros')[0]['name'])\nprint('def price(' in tools.describe('price'))";
    let text = printed(&mut sandbox, code);
    assert!(text.contains("symbol: str") && text.contains("The price of so many pieces"), "{text}");
    assert!(text.ends_with("price\nTrue\n"), "{text}");
    let python = sandcell::declarations(&[price()], sandcell::DeclarationLanguage::Python);
    assert!(python.contains("def price(symbol: str"), "{python}");
    let typescript = sandcell::declarations(&[price()], sandcell::DeclarationLanguage::TypeScript);
    assert!(typescript.contains("price(") && typescript.contains("Promise<number>"), "{typescript}");
}

#[test]
fn every_kind_of_refusal_reaches_the_guest_by_its_name() {
    let denied = Tool::new("denied", |_| Err(ToolError::denied("not today")));
    let fails = Tool::new("fails", |_| {
        let number: u32 = "x".parse()?;
        Ok(number.into())
    });
    let large = Tool::new("large", |_| Ok("x".repeat(5000).into()));
    let slow = Tool::asynchronous("slow", |_| std::future::pending()).timeout_ms(20);
    let limits = [("host_calls", 9), ("host_result_bytes", 4096), ("host_call_bytes", 2000)];
    let mut sandbox = session_with([price(), denied, fails, large, slow], Policy::new(), &limits);
    for (call, expected) in [
        ("tools.price('apple')", "VALUE 1.25"),
        ("tools.price('pear')", "ToolError tool_error there is no such symbol"),
        ("tools.price(symbol=7)", "ToolArgumentError invalid_arguments "),
        ("tools.price('apple', colour='red')", "ToolArgumentError "),
        ("tools.denied()", "ToolDenied denied not today"),
        ("tools.fails()", "ToolError tool_error fails failed (internal error)"),
        ("tools.large()", "ToolTooLarge too_large "),
        ("tools.slow()", "ToolTimeout timeout slow did not answer within 20 ms"),
        ("tools.price('x' * 3000)", "ToolTooLarge too_large "),
    ] {
        let ended = refused(&mut sandbox, call);
        assert!(ended.starts_with(expected), "{call}: {ended}");
        assert!(!ended.contains("secret") && !ended.contains("invalid digit"), "{ended}");
    }
    // What the guest was not told is in the record.
    let outcome = sandbox.run(Program::code("try: tools.fails()\nexcept ToolError: pass")).unwrap();
    assert!(outcome.tool_calls.calls[0].detail.as_deref().unwrap().contains("invalid digit"), "{outcome:#?}");
    let code = "for i in range(11):\n    try: tools.price('apple')\n    except ToolError as e: print(i, e.kind)";
    assert_eq!(printed(&mut sandbox, code), "9 budget_exceeded\n10 budget_exceeded\n");
    // A sandbox without tools has no host.
    assert_eq!(printed(&mut session([]), "from host import tools; print(len(tools))"), "0\n");
}

#[test]
fn the_policy_decides_which_tools_how_often_and_with_which_arguments() {
    let rule = ToolRule::new().calls(2).argument("symbol", ArgumentRule::new().one_of(["apple", "egg"]));
    let rules = ToolPolicy::new().allow(["price"]).globals(true).rule("price", rule);
    let mut sandbox = session_with([price(), echo()], Policy::new().tools(rules), &[]);
    let outcome = sandbox
        .run(Program::code(
            "from host import tools, ToolError\nprint(price('apple'), 'echo' in globals(), 'echo' in tools)\n\
             for call in (lambda: price('gold'), lambda: price('apple')):\n    try: print(call())\n    except ToolError as e: print(e.kind, e)",
        ))
        .unwrap();
    let text = outcome.stdout_text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "1.25 False False", "{outcome:#?}");
    assert!(lines[1].starts_with("denied ") && lines[1].contains("symbol.one_of"), "{text}");
    assert!(lines[2].starts_with("budget_exceeded ") && lines[2].contains("2 times"), "{text}");
    assert_eq!(outcome.tool_calls.calls[1].rule.as_deref(), Some("symbol.one_of"));
    assert_eq!(
        outcome.denials,
        [Denial { what: "tool".into(), name: "price".into(), operation: "symbol.one_of".into() }]
    );
    // A frame that asks for a tool that is not allowed gets no further.
    let raw = r#"import _host; print(_host.call(b'{"v":1,"id":1,"op":"call","tool":"echo","args":{}}').decode())"#;
    assert!(printed(&mut sandbox, raw).contains(r#""kind":"denied""#));
}

#[test]
fn the_gate_sees_every_call_first_and_allows_denies_or_changes_it() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let gate = move |call: &ToolCall| {
        counter.fetch_add(1, Ordering::Relaxed);
        match call.arguments.get("symbol").and_then(|symbol| symbol.as_str()) {
            Some("pear") => Decision::Deny("no pears".to_owned()),
            Some("egg") => Decision::Replace(json!({"symbol": "apple", "count": 10}).as_object().unwrap().clone()),
            Some("bad") => Decision::Replace(json!({"symbol": 1}).as_object().unwrap().clone()),
            Some("panic") => panic!("the gate is broken"),
            _ => Decision::Allow,
        }
    };
    let mut sandbox = Sandbox::builder(guests::python()).tool(price()).gate(gate).build().unwrap();
    for (call, expected) in [
        ("tools.price('apple')", "VALUE 1.25"),
        ("tools.price('egg')", "VALUE 12.5"),
        ("tools.price('pear')", "ToolDenied denied no pears"),
        ("tools.price('bad')", "ToolArgumentError invalid_arguments"),
        ("tools.price('panic')", "ToolDenied denied the call of `price` was refused"),
    ] {
        let ended = refused(&mut sandbox, call);
        assert!(ended.starts_with(expected), "{call}: {ended}");
    }
    assert_eq!(seen.load(Ordering::Relaxed), 5);
}

#[test]
fn tools_and_policies_that_cannot_be_are_refused_by_name_before_anything_runs() {
    let build =
        |tools: Vec<Tool>, policy: Policy| Sandbox::builder(guests::python()).tools(tools).policy(policy).build();
    let tool = |name: &str| Tool::new(name, |_| Ok(0.into()));
    for tools in [
        vec![tool("a b")],
        vec![tool("")],
        vec![tool("a"), tool("a")],
        vec![tool("a").input_schema(json!({"type": "string"}))],
        vec![tool("a").input_schema(json!({"type": "object", "properties": {"x": {"type": "nothing"}}}))],
        vec![tool("a").timeout_ms(5)],
    ] {
        assert_eq!(build(tools, Policy::new()).unwrap_err().code(), Code::ToolInvalid);
    }
    for policy in [
        ToolPolicy::new().allow(["nowhere"]),
        ToolPolicy::new().rule("nowhere", ToolRule::new()),
        ToolPolicy::new().rule("a", ToolRule::new().argument("x", ArgumentRule::new().pattern("("))),
    ] {
        let error = build(vec![tool("a")], Policy::new().tools(policy)).unwrap_err();
        assert_eq!(error.code(), Code::ToolPolicyInvalid, "{error}");
    }
}

#[test]
fn forks_keep_the_tools_and_bytes_of_a_snapshot_bring_none() {
    let mut sandbox = session([price()]);
    assert_eq!(printed(&mut sandbox, "from host import tools; print(tools.price('apple'))"), "1.25\n");
    let snapshot = sandbox.snapshot().unwrap();
    assert_eq!(printed(&mut snapshot.fork().unwrap(), "print(tools.price('apple'))"), "1.25\n");
    let bytes = snapshot.to_bytes(None).unwrap();
    let limits = sandcell::Limits::new();
    let restored = sandcell::Snapshot::from_bytes(guests::python(), &bytes, None, &limits).unwrap();
    assert_eq!(printed(&mut restored.fork().unwrap(), "print(len(tools), hasattr(tools, 'price'))"), "0 False\n");
    // Whoever restores hands over what they like.
    let mut other = restored.restore().tool(echo()).build().unwrap();
    assert_eq!(printed(&mut other, "print(sorted(tools), tools.echo(a=1))"), "['echo'] {'a': 1}\n");
}

/// Where the stack of whoever calls this is.
fn stack_address() -> usize {
    let here = 0u8;
    (&raw const here).addr()
}

#[test]
fn tools_gates_and_futures_run_on_the_stack_of_whoever_drives_the_run() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (one, two, three) = (Arc::clone(&seen), Arc::clone(&seen), Arc::clone(&seen));
    let inline = Tool::new("inline", move |_| {
        one.lock().unwrap().push(stack_address());
        Ok(0.into())
    });
    let later = Tool::asynchronous("later", move |_| {
        let two = Arc::clone(&two);
        async move {
            two.lock().unwrap().push(stack_address());
            Ok(0.into())
        }
    });
    let gate = move |_: &ToolCall| {
        three.lock().unwrap().push(stack_address());
        Decision::Allow
    };
    let mut sandbox = Sandbox::builder(guests::python()).tools([inline, later]).gate(gate).build().unwrap();
    printed(&mut sandbox, "from host import tools; tools.inline(); tools.later()");
    let here = stack_address();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    // A test's thread has 2 MiB; a guest's fiber is elsewhere.
    assert!(seen.iter().all(|address| address.abs_diff(here) < 2 << 20), "{seen:x?} {here:x}");
}

#[test]
fn a_pool_hands_its_tools_to_every_sandbox() {
    let prototype = Sandbox::builder(guests::python()).tool(price());
    let pool = sandcell::Pool::builder(prototype).max_sandboxes(3).max_host_bytes(8 << 30).build().unwrap();
    for _ in 0..4 {
        let mut sandbox = pool.acquire().unwrap();
        assert_eq!(printed(&mut sandbox, "from host import tools; print(tools.price('apple'))"), "1.25\n");
    }
}

#[test]
fn javascript_calls_the_same_tools_and_what_it_awaits_together_goes_together() {
    let mut sandbox = Sandbox::builder(guests::javascript()).tools([price(), echo()]).build().unwrap();
    let code = "console.log(await tools.price('apple'), await tools.price({symbol: 'apple', count: 2}));
console.log(...await Promise.all([tools.price('apple'), tools.echo({b: new Uint8Array([0, 255])}).then(r => r.b.length)]));
try { await tools.price('pear') } catch (error) { console.log(error.kind, error.message) }
try { await tools.nowhere() } catch (error) { console.log(error.kind) }";
    let outcome = sandbox.run(Program::code(code)).unwrap();
    let expected = "1.25 2.5\n1.25 2\ntool_error there is no such symbol\nunknown_tool\n";
    assert_eq!(outcome.stdout_text(), expected, "{outcome:#?}");
    assert_eq!(outcome.tool_calls.count(CallOutcome::Ok), 4);
}

#[test]
fn the_errors_kinds_are_those_of_the_protocol() {
    let names: Vec<_> = ToolErrorKind::ALL.map(ToolErrorKind::as_str).to_vec();
    assert_eq!(
        names.join(" "),
        "protocol unknown_tool invalid_arguments denied tool_error timeout cancelled too_large budget_exceeded"
    );
}
