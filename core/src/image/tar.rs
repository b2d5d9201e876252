//! Reading tar archives (POSIX.1-2001, `ustar` interchange format): the regular files, in their order.

/// The unit that archives are made of.
const BLOCK: usize = 512;

/// The files of an archive, each with its path and its content. Folders are left out; any other
/// kind of entry is an error, and so is whatever lies outside of the archive.
pub(super) fn entries(archive: &[u8]) -> Entries<'_> {
    Entries { rest: archive }
}

pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(String, &'a [u8]), String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((header, behind)) = self.rest.split_at_checked(BLOCK) else {
                return self.end((!self.rest.is_empty()).then(|| "it ends inside a header".to_owned()));
            };
            // Two empty blocks are the end; one says so already.
            if header.iter().all(|byte| *byte == 0) {
                return self.end(None);
            }
            let read = Header::read(header).and_then(|header| {
                let content = behind.get(..header.bytes).ok_or("it ends inside a file")?;
                let next = behind.get(header.bytes.next_multiple_of(BLOCK)..).ok_or("it ends inside a block")?;
                Ok((header, content, next))
            });
            match read {
                Ok((header, content, next)) => {
                    self.rest = next;
                    match header.kind {
                        b'0' | 0 => return Some(Ok((header.path, content))),
                        b'5' => {}
                        kind => return self.end(Some(format!("{} is of kind {kind}", header.path))),
                    }
                }
                Err(reason) => return self.end(Some(reason.to_owned())),
            }
        }
    }
}

impl Entries<'_> {
    /// Nothing follows.
    fn end<T>(&mut self, error: Option<String>) -> Option<Result<T, String>> {
        self.rest = &[];
        error.map(Err)
    }
}

struct Header {
    path: String,
    bytes: usize,
    kind: u8,
}

impl Header {
    fn read(block: &[u8]) -> Result<Header, &'static str> {
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        if octal(&block[148..156]) != Some(sum as usize) {
            return Err("the checksum of a header is wrong");
        }
        let name = text(&block[..100])?;
        let prefix = if &block[257..262] == b"ustar" { text(&block[345..500])? } else { "" };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let bytes = octal(&block[124..136]).ok_or("a length is not an octal number")?;
        Ok(Header { path, bytes, kind: block[156] })
    }
}

/// A field of text, which ends at its end or at a NUL.
fn text(field: &[u8]) -> Result<&str, &'static str> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).map_err(|_| "a path is not UTF-8")
}

fn octal(field: &[u8]) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn header(path: &str, bytes: usize, kind: u8) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[124..136].copy_from_slice(format!("{bytes:011o}\0").as_bytes());
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn archive() -> Vec<u8> {
        let mut all = header("a/", 0, b'5');
        all.extend(header("a/b.h", 3, b'0'));
        all.extend(b"xyz");
        all.resize(3 * BLOCK, 0);
        all.extend(header("empty", 0, b'0'));
        all.resize(6 * BLOCK, 0);
        all
    }

    #[test]
    fn files_come_with_path_and_content() {
        let read: Vec<_> =
            entries(&archive()).map(Result::unwrap).map(|(path, bytes)| (path, bytes.to_vec())).collect();
        assert_eq!(read, [("a/b.h".to_owned(), b"xyz".to_vec()), ("empty".to_owned(), Vec::new())]);
    }

    #[test]
    fn whatever_is_cut_changed_or_of_another_kind_is_an_error_and_the_end() {
        let whole = archive();
        for cut in 1..3 * BLOCK {
            if cut % BLOCK != 0 || cut == 2 * BLOCK {
                assert!(entries(&whole[..cut]).any(|entry| entry.is_err()), "{cut}");
            }
        }
        let mut changed = whole.clone();
        changed[BLOCK] = b'c';
        let mut entries_of = entries(&changed);
        assert_eq!(entries_of.next().unwrap().unwrap_err(), "the checksum of a header is wrong");
        assert!(entries_of.next().is_none());
        let link = header("a", 0, b'2');
        assert_eq!(entries(&link).next().unwrap().unwrap_err(), "a is of kind 50");
        let huge = header("a", 0o77777777777, b'0');
        assert_eq!(entries(&huge).next().unwrap().unwrap_err(), "it ends inside a file");
    }
}
