//! The small languages of command-line values: mounts, limits, variables, clocks.

use sandcell::{Access, Clock, Error, GuestPath, LimitKey, Limits, Mount, Unit};
use sandcell_mcp::{Process, Remote, Server};
use std::path::PathBuf;

/// Why a value was refused; core's own refusals stay what they are.
type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// `HOST:GUEST[:ro|rw|rw+symlinks|overlay]`, read from the right so that host paths may hold
/// colons.
pub(crate) fn mount(text: &str) -> Result<Mount, Refusal> {
    const SHAPE: &str =
        "expected HOST:GUEST[:ro|rw|rw+symlinks|overlay] with an absolute GUEST, such as ./data:/data:ro";
    let (head, last) = text.rsplit_once(':').ok_or(SHAPE)?;
    let (rest, mode) = if last.starts_with('/') { (text, "ro") } else { (head, last) };
    let (host, guest) = rest.rsplit_once(':').ok_or(SHAPE)?;
    if host.is_empty() || !guest.starts_with('/') {
        return Err(SHAPE.into());
    }
    let mut mount = match mode {
        "ro" => Mount::host(host, guest, Access::ReadOnly)?,
        "rw" | "rw+symlinks" => Mount::host(host, guest, Access::ReadWrite)?,
        "overlay" => Mount::overlay(host, guest)?,
        other => return Err(format!("unknown access `{other}`; {SHAPE}").into()),
    };
    if let Mount::Host { symlinks, .. } = &mut mount {
        *symlinks = mode == "rw+symlinks";
    }
    Ok(mount)
}

/// A guest path that becomes an empty folder in memory.
pub(crate) fn memory_mount(text: &str) -> Result<Mount, Error> {
    Mount::memory(text)
}

/// `HOST:GUEST`, a file of the host and its path in the guest; host paths may hold colons.
pub(crate) fn guest_file(text: &str) -> Result<(PathBuf, String), Refusal> {
    const SHAPE: &str = "expected HOST:GUEST with an absolute GUEST, such as ./rates.csv:/data/rates.csv";
    let (host, guest) = text.rsplit_once(':').ok_or(SHAPE)?;
    if host.is_empty() || !guest.starts_with('/') {
        return Err(SHAPE.into());
    }
    Ok((host.into(), GuestPath::parse(guest)?.to_string()))
}

/// `KEY=VALUE`; the value may be empty and hold `=`.
pub(crate) fn variable(text: &str) -> Result<(String, String), Refusal> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE; the host's variables are never passed on".into()),
    }
}

/// `KEY=VALUE`: the value is a plain number, or for limits in bytes one with `k`, `m` or `g`
/// (KiB, MiB, GiB). Core checks name and range.
pub(crate) fn limit(text: &str) -> Result<(LimitKey, u64), Refusal> {
    let (name, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as memory_bytes=256m")?;
    let key = LimitKey::parse(name).ok_or_else(|| Error::LimitUnknown { name: name.to_owned() })?;
    let number = if key.unit() == Unit::Bytes { bytes(value)? } else { plain(value)? };
    Limits::new().with(key, number)?;
    Ok((key, number))
}

/// A number of bytes with an optional `k`, `m` or `g`.
pub(crate) fn bytes(text: &str) -> Result<u64, Refusal> {
    let (digits, shift) = match text.to_ascii_lowercase().strip_suffix(['k', 'm', 'g']) {
        Some(digits) => {
            let shift = match text.as_bytes()[digits.len()].to_ascii_lowercase() {
                b'k' => 10,
                b'm' => 20,
                _ => 30,
            };
            (digits.to_owned(), shift)
        }
        None => (text.to_owned(), 0),
    };
    plain(&digits)?.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` bytes do not fit 64 bits").into())
}

fn plain(text: &str) -> Result<u64, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` is not a whole number; only limits in bytes take a suffix k, m or g").into());
    }
    text.parse().map_err(|_| format!("`{text}` does not fit 64 bits").into())
}

/// `NAME=URL`, or `NAME=COMMAND` with arguments.
pub(crate) fn mcp_server(text: &str) -> Result<Server, Refusal> {
    const SHAPE: &str = "expected NAME=COMMAND or NAME=URL, such as files='mcp-server-filesystem /srv/data'";
    let (name, place) = text.split_once('=').ok_or(SHAPE)?;
    if place.starts_with("https://") || place.starts_with("http://") {
        return Ok(Server::new(name, Remote::new(place)));
    }
    let words = words(place)?;
    let (program, args) = words.split_first().ok_or(SHAPE)?;
    Ok(Server::new(name, Process::new(program).args(args)))
}

/// Splits a command at spaces; quotes of either kind keep what is between them together. No shell
/// reads it, so nothing else has a meaning.
fn words(text: &str) -> Result<Vec<String>, Refusal> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() { Err("a quote is not closed".into()) } else { Ok(words) }
}

/// `real`, `frozen`, or nanoseconds since 1970 at which time stands still.
pub(crate) fn clock(text: &str) -> Result<Clock, Refusal> {
    match text {
        "real" => Ok(Clock::Real),
        "frozen" => Ok(Clock::frozen()),
        number => match plain(number) {
            Ok(realtime_ns) => Ok(Clock::Frozen { realtime_ns }),
            Err(_) => Err("expected `real`, `frozen` or the nanoseconds since 1970 to freeze at".into()),
        },
    }
}

/// Seconds, also fractions, as the milliseconds of `deadline_ms`.
pub(crate) fn seconds(text: &str) -> Result<u64, Refusal> {
    let seconds: f64 = text.parse().map_err(|_| "expected seconds, such as 5 or 0.5")?;
    // Saturating: NaN gives 0 and infinity the largest number, both of which the range refuses.
    let milliseconds = (seconds * 1000.0).ceil() as u64;
    Limits::new().with(LimitKey::DeadlineMs, milliseconds)?;
    Ok(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_of(mount: Mount) -> (String, String, String) {
        match mount {
            Mount::Host { host, guest, access, symlinks } => {
                (host.display().to_string(), guest.to_string(), format!("{access:?} {symlinks}"))
            }
            Mount::Overlay { host, guest } => (host.display().to_string(), guest.to_string(), "overlay".into()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_read_from_the_right_and_its_guest_path_is_absolute() {
        let read = guest_file("./a:b.csv:/data/b.csv").unwrap();
        assert_eq!(read, (PathBuf::from("./a:b.csv"), "/data/b.csv".to_owned()));
        for bad in ["a.csv", ":/a", "a.csv:b", "a.csv:/../b", "a.csv:"] {
            assert!(guest_file(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mount_is_read_from_the_right() {
        for (text, host, guest, how) in [
            ("data:/data", "data", "/data", "ReadOnly false"),
            ("/srv/a:b:/data:ro", "/srv/a:b", "/data", "ReadOnly false"),
            ("C:\\data:/data:rw", "C:\\data", "/data", "ReadWrite false"),
            (".:/:rw+symlinks", ".", "/", "ReadWrite true"),
            ("/a:/b:/c:overlay", "/a:/b", "/c", "overlay"),
            ("/srv:/rw", "/srv", "/rw", "ReadOnly false"),
        ] {
            let expected = (host.to_owned(), guest.to_owned(), how.to_owned());
            assert_eq!(host_of(mount(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_mount_that_could_mean_two_things_is_refused() {
        for text in
            ["", "/data", "data", ":/data", "data:", "data:rw", "/a:data:ro", "/a:/b:wr", "/a:/b:", "/a:/b/../c"]
        {
            assert!(mount(text).is_err(), "{text}");
        }
        assert!(mount("/a:/b:wr").unwrap_err().to_string().contains("unknown access `wr`"));
    }

    #[test]
    fn byte_limits_take_suffixes_and_others_do_not() {
        assert_eq!(limit("memory_bytes=256m").unwrap(), (LimitKey::MemoryBytes, 256 << 20));
        assert_eq!(limit("output_bytes=4K").unwrap(), (LimitKey::OutputBytes, 4096));
        assert_eq!(limit("fs_bytes=1g").unwrap(), (LimitKey::FsBytes, 1 << 30));
        assert_eq!(limit("fuel=1000").unwrap(), (LimitKey::Fuel, 1000));
        for text in [
            "fuel=1k",
            "fuel",
            "fuel=",
            "fuel=-1",
            "fuel=+1",
            "fuel=1e9",
            "memory_bytes=k",
            "fs_bytes=99999999999g",
            "fs_bytes=é",
        ] {
            assert!(limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_or_excessive_limit_keeps_the_librarys_error() {
        for (text, code) in [("fule=1", "limit_unknown"), ("fuel=0", "limit_range"), ("open_files=1", "limit_range")] {
            let refusal = limit(text).unwrap_err();
            assert_eq!(refusal.downcast_ref::<Error>().map(|error| error.code().as_str()), Some(code), "{text}");
        }
    }

    #[test]
    fn variables_need_a_name_and_may_hold_equals_signs() {
        assert_eq!(variable("A=b=c").unwrap(), ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(variable("A=").unwrap(), ("A".to_owned(), String::new()));
        assert!(variable("A").is_err() && variable("=b").is_err());
    }

    #[test]
    fn a_command_is_split_at_spaces_that_no_quotes_keep() {
        assert_eq!(words(r#"a  'b c' d"e f" '' g=h"#).unwrap(), ["a", "b c", "de f", "", "g=h"]);
        assert!(words("a 'b").is_err());
        assert!(mcp_server("files=").is_err() && mcp_server("files").is_err());
        assert!(format!("{:?}", mcp_server("web=https://a.example/mcp").unwrap()).contains("Remote"));
    }

    #[test]
    fn clocks_and_seconds() {
        assert_eq!(clock("frozen").unwrap(), Clock::frozen());
        assert_eq!(clock("1000").unwrap(), Clock::Frozen { realtime_ns: 1000 });
        assert!(clock("yesterday").is_err());
        assert_eq!(seconds("0.5").unwrap(), 500);
        for text in ["0", "-1", "nan", "inf", "1e9", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
