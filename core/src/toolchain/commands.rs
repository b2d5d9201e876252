//! What clang and lld are told to do.
//!
//! The driver of clang compiles in its own process; for linking it would have to start another one.
//! So it is given one unit at a time, and lld is called as the driver would call it.

use super::flags::Flags;
use super::names::{MODULE, OURS, PROGRAM, object};
use crate::language::Language;

/// The programs' own stack. 64 KiB, the linker's default, is not enough for ordinary recursion; what is
/// not touched costs nothing.
const STACK_BYTES: u64 = 8 << 20;

/// The macros by which headers offer what is emulated, and the libraries that have it.
const EMULATED: [(&str, &str); 4] = [
    ("-D_WASI_EMULATED_SIGNAL", "-lwasi-emulated-signal"),
    ("-D_WASI_EMULATED_PROCESS_CLOCKS", "-lwasi-emulated-process-clocks"),
    ("-D_WASI_EMULATED_MMAN", "-lwasi-emulated-mman"),
    ("-D_WASI_EMULATED_GETPID", "-lwasi-emulated-getpid"),
];

/// `setjmp` by WebAssembly exceptions, in the form that became standard.
const SETJMP: [&str; 4] = ["-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh=false"];

/// The commands that make a module of these units, in their order.
pub(super) fn commands(units: &[(String, Language)], flags: &Flags) -> Vec<Vec<String>> {
    let compile = units.iter().enumerate().map(|(unit, (name, language))| compile(unit, name, *language, flags));
    compile.chain([link(units)]).collect()
}

fn compile(unit: usize, name: &str, language: Language, flags: &Flags) -> Vec<String> {
    let mut words = vec!["clang", "-c", "-O2"];
    // For C the compiler's own default, which is C17 with GNU's extensions.
    let own: &[&str] = match language {
        // The library is built without exceptions: a program with them would not link.
        Language::Cpp => &["-x", "c++", "-std=gnu++20", "-fno-exceptions"],
        _ => &["-x", "c"],
    };
    words.extend(own);
    words.extend(EMULATED.map(|(define, _)| define));
    words.extend(SETJMP);
    words.extend(["-idirafter", OURS]);
    // `__FILE__` and failing asserts name the user's files.
    words.extend(["-fmacro-prefix-map=/program/=", "-fno-color-diagnostics", "-fmessage-length=0", "-ferror-limit=20"]);
    words.extend(["-ftemplate-backtrace-limit=6", "-fmacro-backtrace-limit=4", "-fcaret-diagnostics-max-lines=4"]);
    let of_language = |flag: &&String| match flag.strip_prefix("-std=") {
        // A program may have units in both languages, and its flags are for all of them.
        Some(standard) => standard.contains("++") == (language == Language::Cpp),
        None => language == Language::Cpp || !flag.ends_with("rtti"),
    };
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    words.extend(flags.as_slice().iter().filter(of_language).filter(|flag| !flag.starts_with("-l")).cloned());
    words.extend([format!("{PROGRAM}/{name}"), "-o".to_owned(), object(unit)]);
    words
}

fn link(units: &[(String, Language)]) -> Vec<String> {
    let stack = format!("stack-size={STACK_BYTES}");
    // The stack lies below everything else: who overruns it traps, and overwrites nothing.
    let mut words = vec!["wasm-ld", "-m", "wasm32", "--strip-all", "--stack-first", "-z", &stack, "--error-limit=20"];
    words.extend([
        "-L/usr/lib/wasm32-unknown-wasip1",
        "-L/usr/lib/wasm32-wasip1",
        "/usr/lib/wasm32-wasip1/crt1-command.o",
    ]);
    let objects: Vec<String> = (0..units.len()).map(object).collect();
    words.extend(objects.iter().map(String::as_str));
    if units.iter().any(|(_, language)| *language == Language::Cpp) {
        words.extend(["-lc++", "-lc++abi"]);
    }
    words.extend(EMULATED.map(|(_, library)| library));
    words.extend([
        "-lsetjmp",
        "-lc-printscan-long-double",
        "-lc",
        "/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a",
        "-o",
        MODULE,
    ]);
    words.into_iter().map(str::to_owned).collect()
}
