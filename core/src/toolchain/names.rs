//! Where the files of a program lie in the compiler's tree, and what their paths are outside of it.

use crate::policy::GuestPath;

/// The program's own files, by their names.
pub(super) const PROGRAM: &str = "/program";
/// Headers of ours.
pub(super) const OURS: &str = "/sandcell";
/// What the compiler makes of them.
pub(super) const OBJECTS: &str = "/objects";
/// The module that comes out.
pub(super) const MODULE: &str = "/objects/module.wasm";

/// Paths of the compiler's tree and what people see instead: nobody can look there.
const SEEN_AS: [(&str, &str); 7] = [
    ("/program/./", ""),
    ("/program/", ""),
    ("/sandcell/", "<sandcell>/"),
    // Where the compiler itself was compiled, which it says when it crashes.
    ("/home/runner/work/clang/clang/", ""),
    ("/usr/include/c++/v1/", "<libc++>/"),
    ("/usr/include/wasm32-wasip1/", "<libc>/"),
    ("/usr/include/", "<clang>/"),
];

/// The object of the program's unit with this number.
pub(super) fn object(unit: usize) -> String {
    format!("{OBJECTS}/{unit}.o")
}

/// A folder of the program as the compiler sees it.
pub(super) fn folder(name: &str) -> Result<String, &'static str> {
    if name.is_empty() || name.starts_with('/') {
        return Err("a folder of the program must follow, such as `include`");
    }
    let path = GuestPath::parse(&format!("{PROGRAM}/{name}")).map_err(|_| "that is no folder of the program")?;
    Ok(path.to_string())
}

/// Text of the compiler with the user's own names in place of paths of the compiler's tree.
pub(super) fn as_seen(text: &str, units: &[String]) -> String {
    let mut text = text.to_owned();
    for (path, seen) in SEEN_AS {
        text = text.replace(path, seen);
    }
    // From the last: `/objects/1.o` is the end of no other one's path, but the rule need not rely on that.
    for (unit, name) in units.iter().enumerate().rev() {
        text = text.replace(&object(unit), name);
    }
    text.replace("/usr/lib/wasm32-wasip1/", "").replace("/usr/lib/wasm32-unknown-wasip1/", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sees_where_the_compiler_has_its_files() {
        let units = ["main.c".to_owned(), "lib/util.c".to_owned()];
        let text = "/program/main.c:1:2: error: x\nwasm-ld: error: /objects/1.o: undefined symbol: f\n/usr/include/c++/v1/vector:3:1: note: y";
        assert_eq!(
            as_seen(text, &units),
            "main.c:1:2: error: x\nwasm-ld: error: lib/util.c: undefined symbol: f\n<libc++>/vector:3:1: note: y"
        );
    }

    #[test]
    fn a_folder_is_one_of_the_program() {
        assert_eq!(folder("a/b").as_deref(), Ok("/program/a/b"));
        for bad in ["", "/", "/usr", "..", "a/../../usr", "a\0"] {
            assert!(folder(bad).is_err(), "{bad:?}");
        }
    }
}
