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
const SEEN_AS: [(&str, &str); 9] = [
    ("/program/./", ""),
    ("/program/", ""),
    ("/sandcell/", "<sandcell>/"),
    // Where the compiler itself was compiled, which it says when it crashes.
    ("/home/runner/work/clang/clang/", ""),
    ("/usr/include/c++/v1/", "<libc++>/"),
    ("/usr/include/wasm32-wasip1/", "<libc>/"),
    ("/usr/include/", "<clang>/"),
    ("/usr/lib/wasm32-wasip1/", ""),
    ("/usr/lib/wasm32-unknown-wasip1/", ""),
];
/// The most that text may grow by while names take the place of paths: a name is many times as long.
const MOST_GROWTH: usize = 256 << 10;

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

/// Text of the compiler with the user's own names in place of paths of the compiler's tree. What was put in is not looked
/// at again, whatever a name looks like, and what would make the text too long is left out.
pub(super) fn as_seen(text: &str, units: &[String]) -> String {
    let most = text.len() + MOST_GROWTH;
    let mut seen = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        seen.push_str(&rest[..at]);
        rest = &rest[at..];
        let (path, name) = path(rest, units).unwrap_or(("/", "/"));
        if seen.len() + name.len() > most {
            return seen;
        }
        seen.push_str(name);
        rest = &rest[path.len()..];
    }
    seen.push_str(rest);
    seen
}

/// The path of the compiler's tree that a text begins with, and what is seen instead.
fn path<'a>(text: &'a str, units: &'a [String]) -> Option<(&'a str, &'a str)> {
    if let Some((path, seen)) = SEEN_AS.iter().find(|(path, _)| text.starts_with(path)) {
        return Some((path, seen));
    }
    let number = text.strip_prefix(OBJECTS)?.strip_prefix('/')?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let name = units.get(number[..digits].parse::<usize>().ok()?)?;
    number[digits..].strip_prefix(".o")?;
    Some((&text[..OBJECTS.len() + 1 + digits + 2], name))
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
    fn a_name_that_looks_like_paths_is_put_in_once_and_no_more_than_fits() {
        let path = |unit: usize| format!("{}/", object(unit));
        let units: Vec<String> =
            (0..8).map(|unit: usize| format!("{unit}{}x.c", path(unit.saturating_sub(1)).repeat(80))).collect();
        assert_eq!(as_seen(&object(7), &units), units[7]);
        assert_eq!(
            as_seen("/objects/8.o /objects/.o /objects/1.obj", &units),
            format!("/objects/8.o /objects/.o {}bj", units[1])
        );
        let paths = path(7).repeat(20_000);
        let long = as_seen(&paths, &units);
        assert!(long.len() <= paths.len() + MOST_GROWTH && long.starts_with(&units[7]));
    }

    #[test]
    fn a_folder_is_one_of_the_program() {
        assert_eq!(folder("a/b").as_deref(), Ok("/program/a/b"));
        for bad in ["", "/", "/usr", "..", "a/../../usr", "a\0"] {
            assert!(folder(bad).is_err(), "{bad:?}");
        }
    }
}
