//! Flags for the compiler: those that change what a program means or how fast it is, and no others.
//!
//! A list of what is allowed: a flag that could name a file of the compiler's tree, load code into the
//! compiler or reach another of its tools is not on it.

use super::names;
use crate::error::{Error, Result};

const MOST_FLAGS: usize = 64;
const MOST_BYTES: usize = 512;

/// Flags that are allowed as they are.
const PLAIN: &[&str] = &[
    "-O",
    "-O0",
    "-O1",
    "-O2",
    "-O3",
    "-Os",
    "-Oz",
    "-Og",
    "-w",
    "-pedantic",
    "-pedantic-errors",
    "-ansi",
    "-ffast-math",
    "-fno-fast-math",
    "-fno-math-errno",
    "-fwrapv",
    "-ftrapv",
    "-fstrict-aliasing",
    "-fno-strict-aliasing",
    "-funsigned-char",
    "-fsigned-char",
    "-fno-builtin",
    "-fno-exceptions",
    "-frtti",
    "-fno-rtti",
    "-finline-functions",
    "-fno-inline",
    "-funroll-loops",
    "-fno-unroll-loops",
    "-fomit-frame-pointer",
    "-fno-omit-frame-pointer",
    "-ffp-contract=off",
    "-ffp-contract=on",
    "-ffp-contract=fast",
    "-fshort-enums",
    "-fno-short-enums",
    "-fchar8_t",
    "-fno-char8_t",
    "-fms-extensions",
    "-fblocks",
    "-msimd128",
    "-mrelaxed-simd",
    "-mbulk-memory",
    "-msign-ext",
    "-mnontrapping-fptoint",
    "-mtail-call",
    "-mmultivalue",
    // What is linked anyway, and what programs for other systems are often compiled with.
    "-lm",
    "-lc",
    "-g",
    "-pipe",
    "-static",
];

/// Beginnings of flags whose rest is letters, digits and a few signs. Nothing with a comma: that
/// would reach the linker, the assembler or the preprocessor.
const WORDS: &[&str] = &["-W", "-std="];

/// Beginnings of flags whose rest is a number.
const NUMBERS: &[&str] = &[
    "-ftemplate-depth=",
    "-fconstexpr-depth=",
    "-fconstexpr-steps=",
    "-fconstexpr-loop-limit=",
    "-fbracket-depth=",
    "-ferror-limit=",
];

/// Flags that were checked, in the compiler's own form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flags(Vec<String>);

impl Flags {
    /// # Errors
    /// `flag_invalid` for the first that is not allowed.
    pub(super) fn parse(flags: &[String]) -> Result<Flags> {
        if flags.len() > MOST_FLAGS {
            return Err(invalid(&flags[MOST_FLAGS], "there are more than 64 flags"));
        }
        let mut checked = Vec::with_capacity(flags.len());
        let mut rest = flags.iter();
        while let Some(flag) = rest.next() {
            checked.push(match flag.as_str() {
                // The two that are often written as two words.
                "-I" | "-D" | "-U" => {
                    let value = rest.next().ok_or_else(|| invalid(flag, "what it is about must follow"))?;
                    check(&format!("{flag}{value}"))?
                }
                _ => check(flag)?,
            });
        }
        Ok(Flags(checked))
    }

    pub(super) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

fn check(flag: &str) -> Result<String> {
    if flag.len() > MOST_BYTES {
        return Err(invalid(flag, "it is longer than 512 bytes"));
    }
    if PLAIN.contains(&flag) {
        return Ok(flag.to_owned());
    }
    if let Some(folder) = flag.strip_prefix("-I") {
        let folder = names::folder(folder).map_err(|reason| invalid(flag, reason))?;
        return Ok(format!("-I{folder}"));
    }
    if let Some(definition) = flag.strip_prefix("-D").or(flag.strip_prefix("-U")) {
        let name = definition.split(['=', '(']).next().unwrap_or_default();
        return if is_name(name) && !definition.contains(char::is_control) {
            Ok(flag.to_owned())
        } else {
            Err(invalid(flag, "a macro's name is a letter or `_`, then letters, digits and `_`"))
        };
    }
    let is_word = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-_=#".contains(&byte))
    };
    let is_number = |rest: &str| !rest.is_empty() && rest.len() <= 9 && rest.bytes().all(|byte| byte.is_ascii_digit());
    let fits = |starts: &[&str], rest_fits: &dyn Fn(&str) -> bool| {
        starts.iter().any(|start| flag.strip_prefix(start).is_some_and(rest_fits))
    };
    if fits(WORDS, &is_word) || fits(NUMBERS, &is_number) {
        return Ok(flag.to_owned());
    }
    Err(invalid(flag, "it is not one of those that are allowed: see docs/c.md"))
}

fn is_name(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn invalid(flag: &str, reason: &'static str) -> Error {
    Error::FlagInvalid { flag: flag.chars().take(64).collect(), reason }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Result<Flags> {
        Flags::parse(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn usual_flags_are_allowed_and_folders_are_those_of_the_program() {
        let flags = [
            "-O3",
            "-std=c++20",
            "-Wall",
            "-Wno-unused-variable",
            "-Werror=return-type",
            "-DA",
            "-D",
            "B=\"x y\"",
            "-DMAX(a,b)=((a)>(b)?(a):(b))",
            "-UA",
            "-Iinclude",
            "-I",
            "src/lib",
            "-ftemplate-depth=50",
            "-lm",
        ];
        let parsed = parse(&flags).unwrap();
        assert!(parsed.0.contains(&"-DB=\"x y\"".to_owned()));
        assert!(
            parsed.0.contains(&"-I/program/include".to_owned()) && parsed.0.contains(&"-I/program/src/lib".to_owned())
        );
    }

    #[test]
    fn whatever_names_files_or_reaches_other_tools_is_refused_by_name() {
        let bad = [
            "-Xclang",
            "-load",
            "-fplugin=x.so",
            "-I/usr/include",
            "-I../x",
            "-I",
            "@file",
            "-include",
            "-isystem/usr",
            "-Wl,--export-all",
            "-Wp,-MD,/x",
            "-Wa,-I/usr",
            "-Xlinker",
            "-mllvm",
            "-o",
            "-o/usr/x",
            "-c",
            "-E",
            "-S",
            "--sysroot=/",
            "-B/usr",
            "-specs=x",
            "-fmodules",
            "-fmodule-file=x",
            "-resource-dir=/x",
            "-cc1",
            "-###",
            "main.c",
            "-",
            "",
            "-x",
            "-nostdlib",
            "-lcurl",
            "-L/usr",
            "-fsanitize=address",
            "-ftemplate-depth=9999999999",
            "-D",
            "-D=1",
            "-D1A",
            "-std=",
            "-W",
            "-ivfsoverlay",
            "-working-directory=/",
            "-fprofile-use=/x",
            "-save-temps",
            "-MD",
            "-DA\n#define B",
        ];
        for flag in bad {
            let refused = parse(&[flag]).unwrap_err();
            assert_eq!(refused.code(), crate::Code::FlagInvalid, "{flag}");
        }
        assert!(parse(&vec!["-O2"; 65]).is_err() && parse(&[&format!("-D{}", "A".repeat(600))]).is_err());
    }
}
