//! C and C++: public programs, hostile sources, the cache of compiled programs, and what a compiler may use.

use sandcell::{
    CacheDir, Code, Compilation, Engine, Event, Image, LimitKey, Limits, Outcome, Policy, Program, Sandbox, Severity,
    Status, Stream,
};
use sandcell_tests::{cli, guests, images, places};
use std::fs;

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

/// Public programs that cannot pass, with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

fn c() -> Sandbox {
    guests::sandbox(guests::c(), Policy::new(), Limits::new())
}

fn run(sandbox: &mut Sandbox, source: &str) -> Outcome {
    sandbox.run(Program::code(source)).unwrap()
}

/// Compiles with one limit of the compiler changed.
fn compile(image: &Image, source: &str, key: LimitKey, value: u64) -> Compilation {
    let limits = Limits::for_compiling().with(key, value).unwrap();
    image.cc(Program::code(source), &limits).unwrap()
}

/// A program that nobody has compiled before.
fn unique(source: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{source}\n// {now} {:?}\n", std::thread::current().id())
}

#[test]
fn the_public_programs_run_but_for_those_that_are_named() {
    let mut ran = 0;
    for path in sandcell_tests::folders::listed(&places::shared("programs/cpp"), "cpp") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let program = Program::code(fs::read_to_string(&path).unwrap()).named(name);
        let outcome = guests::sandbox(guests::cpp(), Policy::new(), Limits::new()).run(program).unwrap();
        let excepted = EXCEPTIONS.iter().any(|(excepted, _)| *excepted == name);
        assert_eq!(outcome.is_success(), !excepted, "{name}: {:?}\n{}", outcome.status, outcome.stderr_text());
        ran += 1;
    }
    assert!(ran >= 29, "{ran} programs");
}

#[test]
fn what_was_compiled_is_not_compiled_again_and_another_flag_or_file_is_another_program() {
    let source = unique(HELLO);
    let first = run(&mut c(), &source);
    assert!(first.is_success() && first.usage.compile_fuel > 1_000_000, "{first:?}");
    let again = run(&mut c(), &source);
    assert_eq!((again.usage.compile_fuel, again.stdout_text()), (0, first.stdout_text()));

    let flagged = c().run(Program::code(source.as_str()).flags(["-O1"])).unwrap();
    let named = c().run(Program::code(source.as_str()).named("other.c")).unwrap();
    let other = run(&mut c(), &source.replace("hello", "other"));
    for outcome in [flagged, named, other] {
        assert!(outcome.is_success() && outcome.usage.compile_fuel > 1_000_000, "{outcome:?}");
    }
}

#[test]
fn warnings_come_back_from_the_cache_too() {
    let source = unique("int main(void) { int unused; return 0; }");
    let run = || c().run(Program::code(source.as_str()).flags(["-Wall"])).unwrap();
    let (first, again) = (run(), run());
    assert!(first.usage.compile_fuel > 0 && again.usage.compile_fuel == 0);
    assert_eq!(first.diagnostics, again.diagnostics);
    assert_eq!((first.diagnostics.len(), first.diagnostics[0].severity), (1, Severity::Warning));
    assert_eq!(first.diagnostics[0].code.as_deref(), Some("-Wunused-variable"));
}

#[test]
fn many_who_want_the_same_program_at_once_have_it_compiled_once() {
    let source = unique(HELLO);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&mut c(), &source))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(Outcome::is_success));
    let compiled = outcomes.iter().filter(|outcome| outcome.usage.compile_fuel > 0).count();
    assert_eq!(compiled, 1);
}

#[test]
fn a_program_whose_code_is_gone_from_the_cache_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    images::copy_image("clang", &cache);
    let source = unique(HELLO);
    let run = || {
        let engine = Engine::builder().cache(CacheDir::at(&cache)).build().unwrap();
        let image = Image::load(&engine, "c").unwrap();
        let outcome =
            guests::sandbox(&image, Policy::new(), Limits::new()).run(Program::code(source.as_str())).unwrap();
        assert!(outcome.is_success(), "{outcome:?}");
        outcome.usage.compile_fuel > 0
    };
    assert!(run() && !run());

    // Each file of the program's entries is damaged, or gone, in turn.
    let entries = || fs::read_dir(cache.join("artifacts")).unwrap().map(|entry| entry.unwrap().path());
    let record = entries().find(|entry| entry.join("program.json").exists()).unwrap();
    let text = fs::read_to_string(record.join("program.json")).unwrap();
    let code = serde_json::from_str::<serde_json::Value>(&text).unwrap()["code"].as_str().unwrap().to_owned();
    fs::remove_dir_all(cache.join("artifacts").join(code)).unwrap();
    assert!(run() && !run());
    fs::write(record.join("program.json"), text.replace("\"needs\"", "\"seeds\"")).unwrap();
    assert!(run() && !run());
}

#[test]
fn a_compiled_program_is_a_command_of_which_many_sandboxes_can_be_made() {
    let program =
        Program::code("#include <stdio.h>\nint main(int n, char **v) { printf(\"%s %d\", v[0], n); return n; }");
    let made = guests::c().cc(program.named("count.c").flags(["-O1"]), &Limits::for_compiling()).unwrap();
    assert_eq!((made.status, made.diagnostics.len()), (Status::Exited { code: 0 }, 0));
    let image = made.image.unwrap();
    for args in [vec![], vec!["a"]] {
        let mut sandbox = guests::sandbox(&image, Policy::new(), Limits::new());
        let outcome = sandbox.run(Program::command().args(args.clone())).unwrap();
        let count = args.len() as u32 + 1;
        assert_eq!(outcome.status, Status::Exited { code: count });
        assert_eq!(outcome.stdout_text(), format!("count {count}"));
    }

    let bad = guests::c().cc(Program::code("int main(void) { return x; }"), &Limits::for_compiling()).unwrap();
    assert!(bad.image.is_none());
    assert!(matches!(bad.status, Status::Raised { r#type, .. } if r#type == "CompileError"));
    assert_eq!((bad.diagnostics[0].line, bad.diagnostics[0].file.as_deref()), (Some(1), Some("main.c")));
    let refused = guests::javascript().cc(Program::code("1"), &Limits::for_compiling()).unwrap_err();
    assert_eq!(refused.code(), Code::ProgramInvalid);
}

#[test]
fn the_compiler_ends_at_its_own_limits_and_says_that_it_was_the_compiler() {
    let templates = "template <int D, int X> struct T { static constexpr long v = T<D - 1, 2 * X>::v + T<D - 1, 2 * X + 1>::v; };\n\
        template <int X> struct T<0, X> { static constexpr long v = 1; };\nint main() { return T<24, 1>::v; }";
    let macros =
        "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(A(A(A(A(x))))))))\nint main() { B(;) B(;) return 0; }";
    let cases = [
        (templates, LimitKey::Fuel, 2_000_000_000),
        (templates, LimitKey::DeadlineMs, 200),
        (templates, LimitKey::MemoryBytes, 64 << 20),
        (macros, LimitKey::MemoryBytes, 128 << 20),
        ("char a[1 << 30] = {1}; int main() { return a[5]; }", LimitKey::MemoryBytes, 512 << 20),
        ("char a[3 << 20] = {1}; int main() { return a[5]; }", LimitKey::ModuleBytes, 2 << 20),
        ("int main() { }", LimitKey::MemoryBytes, 1 << 20),
    ];
    for (source, key, value) in cases {
        let made = compile(guests::cpp(), source, key, value);
        assert_eq!(made.status, Status::Exceeded { limit: key }, "{source}: {}", made.text);
        assert!(made.image.is_none() && made.hint.contains("compile"), "{}", made.hint);
    }
    // Not the program's own: these do not count while it is compiled.
    let small = Limits::new().with(LimitKey::Fuel, 10_000).unwrap().with(LimitKey::DeadlineMs, 5_000).unwrap();
    let mut sandbox = guests::sandbox(guests::c(), Policy::new(), small);
    let outcome = run(&mut sandbox, &unique("int main(void) { return 3; }"));
    assert_eq!(outcome.status, Status::Exited { code: 3 });
    assert!(outcome.usage.fuel < 10_000 && outcome.usage.compile_fuel > 10_000);
}

#[test]
fn a_source_that_makes_the_compiler_crash_or_fill_its_output_is_an_outcome_like_others() {
    let deep = format!("int main(void) {{ return {}1{}; }}", "(".repeat(100_000), ")".repeat(100_000));
    let wide = "char a[200 << 20] = {1}; char b[200 << 20] = {1}; int main(void) { return a[3] + b[3]; }";
    let loud = "#define P(x) _Pragma(\"message \\\"loud loud loud\\\"\")\n#define A(x) x x x x x x x x x x\n\
        A(A(A(A(P(1))))) int main(void) { return 0; }";
    let faked = "#line 1 \"/etc/x:1:1: error: faked\\nfoo\"\n#error \"\\033[31m\"\nint main(void) { return 0; }";
    let sources = [deep.as_str(), wide, "#pragma clang __debug crash\nint main(void) { return 0; }", loud, faked];
    for source in sources {
        let mut sandbox = c();
        let outcome = run(&mut sandbox, source);
        let start = &source[..40];
        match &outcome.status {
            Status::Raised { r#type, message, .. } => {
                assert!(r#type == "CompileError" && !message.is_empty(), "{start}")
            }
            // It says much, and is a program.
            Status::Exited { code: 0 } => assert_eq!(source, loud),
            other => panic!("{start}: {other:?}"),
        }
        assert!(outcome.diagnostics.len() <= 64 && outcome.stderr.len() <= 1 << 20, "{start}");
        let json = serde_json::to_string(&outcome).unwrap();
        for inside in ["/program/", "/objects/", "/usr/", "/home/"] {
            assert!(!json.contains(inside), "{start}: {inside} in {json}");
        }
        // The sandbox goes on.
        assert_eq!(run(&mut sandbox, HELLO).stdout_text(), "hello\n", "{start}");
    }
}

#[test]
fn what_a_module_asks_of_its_host_beyond_wasi_is_refused_as_the_programs_fault() {
    let source = "__attribute__((import_module(\"env\"), import_name(\"evil\"))) void evil(void);\nint main(void) { evil(); return 0; }";
    match run(&mut c(), source).status {
        Status::Raised { r#type, message, .. } => {
            assert_eq!(r#type, "CompileError");
            assert!(message.contains("env::evil"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_fails_to_compile_is_told_to_whoever_follows_the_run() {
    let mut sandbox = c();
    let events: Vec<Event> =
        sandbox.follow(Program::code("int main(void) { return x; }")).unwrap().map(Result::unwrap).collect();
    let [Event::Output { stream: Stream::Stderr, bytes }, Event::Ended(outcome)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(bytes, &outcome.stderr);
    assert!(outcome.stderr_text().contains("main.c:1:25: error: use of undeclared identifier 'x'"));
}

#[test]
fn a_run_that_is_cancelled_while_it_compiles_ends_at_once_and_leaves_its_sandbox_whole() {
    let slow = unique(
        "template <int D, int X> struct T { static constexpr long v = T<D - 1, 2 * X>::v + T<D - 1, 2 * X + 1>::v; };\n\
         template <int X> struct T<0, X> { static constexpr long v = 1; };\nint main() { return T<24, 1>::v; }",
    );
    let mut sandbox = guests::sandbox(guests::cpp(), Policy::new(), Limits::new());
    sandbox.write_file("/tmp/kept", b"kept").unwrap();
    let cancel = sandbox.cancel_handle();
    let canceller = std::thread::spawn(move || {
        while !cancel.cancel() {
            std::thread::yield_now();
        }
    });
    let outcome = run(&mut sandbox, &slow);
    canceller.join().unwrap();
    assert_eq!((outcome.status, outcome.usage.fuel), (Status::Cancelled, 0));
    assert_eq!(sandbox.read_file("/tmp/kept").unwrap(), b"kept");
}

#[test]
fn the_command_line_compiles_and_runs_and_prints_what_the_compiler_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greet.c");
    fs::write(&file, "#include <stdio.h>\nint main(int n, char **v) { printf(\"%s %s\\n\", WORD, v[1]); return 0; }")
        .unwrap();
    let path = file.to_str().unwrap();
    let run = |args: &[&str]| cli::run(cli::sandcell().arg("run").args(args));
    let done = run(&["--flag=-DWORD=\"hi\"", path, "--", "you"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hi you\n"), "{done:?}");
    let failed = run(&[path]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("greet.c:2:"), "{failed:?}");
    assert!(!failed.stderr.contains(folder.path().to_str().unwrap()), "{failed:?}");
    let exceeded = run(&["--compile-limit", "fuel=1000000", "--flag=-DWORD=\"no\"", path]);
    assert_eq!(exceeded.code, Some(125));
    let refused = run(&["--flag=-fplugin=x", path]);
    assert_eq!(refused.code, Some(126), "{refused:?}");
}

#[test]
fn names_of_files_that_look_like_the_compilers_own_make_its_words_no_longer() {
    // The name of each file holds the path of the one before many times.
    let names: Vec<String> = (0..8)
        .map(|unit: usize| match unit.checked_sub(1) {
            None => "0.c".to_owned(),
            Some(before) => format!("{unit}{}/x.c", format!("/objects/{before}.o").repeat(70)),
        })
        .collect();
    let text = |unit: usize| if unit == 0 { "#error \"/objects/7.o /objects/6.o\"" } else { "int unused;" };
    let files: Vec<(&str, &str)> = names.iter().enumerate().map(|(unit, name)| (name.as_str(), text(unit))).collect();
    let program = Program::project(files, "0.c").unwrap();
    let outcome = guests::sandbox(guests::c(), Policy::new(), Limits::new()).run(program).unwrap();
    let Status::Raised { r#type, traceback, .. } = &outcome.status else { panic!("{:?}", outcome.status) };
    assert_eq!(r#type, "CompileError");
    assert!(traceback.len() <= 65 << 10, "{} bytes", traceback.len());
    assert!(outcome.usage.peak_memory_bytes < 1 << 30);
}

#[test]
fn the_compilers_module_bytes_hold_for_what_was_compiled_before_too() {
    let source = "#include <stdio.h>\nint main(void) { puts(\"kept, and judged again\"); return 7; }";
    let run = |limits: Limits| {
        let builder = Sandbox::builder(guests::c()).compile_limits(limits);
        builder.build().unwrap().run(Program::code(source)).unwrap().status
    };
    assert_eq!(run(Limits::for_compiling()), Status::Exited { code: 7 });
    let small = Limits::for_compiling().with(LimitKey::ModuleBytes, 1024).unwrap();
    assert_eq!(run(small), Status::Exceeded { limit: LimitKey::ModuleBytes });
    assert_eq!(run(Limits::for_compiling()), Status::Exited { code: 7 });
}
