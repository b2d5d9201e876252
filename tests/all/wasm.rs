//! Programs of other languages as commands: the example of docs/wasm.md, compiled and run as it says.

use sandcell::{CacheDir, Recipe};
use sandcell_tests::cli;
use sandcell_tests::places;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Zig that images are built with; `cargo xtask images` has fetched it.
fn zig() -> PathBuf {
    let recipe = Recipe::builtin("lua").unwrap();
    let compiler = &recipe.compile().unwrap().compiler;
    let folder = format!("{}-{}", compiler.package, compiler.version);
    let path = CacheDir::user().unwrap().path().join("sources").join(folder).join(&compiler.program);
    assert!(path.is_file(), "{} is not there: run `cargo xtask images`", path.display());
    path
}

fn compile(source: &Path, folder: &Path) -> PathBuf {
    let mut zig = Command::new(zig());
    zig.args(["build-exe", "-target", "wasm32-wasi", "-O", "ReleaseSmall", "-lc"]).arg(source).current_dir(folder);
    let cache = folder.join("zig");
    zig.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache);
    let output = zig.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join("words.wasm")
}

#[test]
fn a_program_in_zig_reads_what_is_mounted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let module = compile(&places::workspace().join("examples/wasm/words.zig"), folder.path());
    let (data, secret) = (folder.path().join("data"), folder.path().join("secret.txt"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("a.txt"), "one two\n three").unwrap();
    fs::write(&secret, "do not read this").unwrap();
    let mount = format!("{}:/data", data.display());
    let run = |more: &[&str]| cli::run(cli::sandcell_for_modules().arg("run").arg("--wasm").arg(&module).args(more));

    let counted = run(&["--mount", &mount, "--", "/data/a.txt"]);
    assert_eq!((counted.code, counted.stdout.as_str()), (Some(0), "3 /data/a.txt\n"), "{}", counted.stderr);
    let piped = run(&["--stdin", secret.to_str().unwrap()]);
    assert_eq!((piped.code, piped.stdout.as_str()), (Some(0), "4\n"), "{}", piped.stderr);
    for path in ["/data/../secret.txt", secret.to_str().unwrap(), "/etc/passwd"] {
        let refused = run(&["--mount", &mount, "--", path]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{path}");
        assert!(refused.stderr.contains("error: "), "{path}: {}", refused.stderr);
    }
    let stopped = run(&["--limit", "fuel=1000", "--stdin", secret.to_str().unwrap()]);
    assert_eq!(stopped.code, Some(125), "{}", stopped.stderr);
}
