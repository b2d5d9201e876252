//! What the guest tried and was not allowed to do, for the outcome.

use crate::outcome::Denial;
use crate::vfs::Errno;

/// The most refusals kept of one run: enough to see what is missing, too few to fill memory.
const MAX_KEPT: usize = 64;
/// The most bytes kept of a name.
const MAX_NAME_BYTES: usize = 256;

/// The refusals of one run, each once.
#[derive(Debug, Default)]
pub(super) struct Denials {
    kept: Vec<Denial>,
}

impl Denials {
    /// Records the path of a refused call. A file that is missing was not refused: only answers
    /// that mean "not granted" count.
    pub(super) fn record(&mut self, errno: Errno, operation: &'static str, preopen: Option<&str>, path: &str) {
        if !matches!(errno, Errno::NotCapable | Errno::Perm | Errno::Acces | Errno::Rofs) || self.kept.len() == MAX_KEPT
        {
            return;
        }
        let name = absolute(preopen, path);
        if !self.kept.iter().any(|denial| denial.operation == operation && denial.name == name) {
            self.kept.push(Denial { what: "path".to_owned(), name, operation: operation.to_owned() });
        }
    }

    pub(super) fn as_slice(&self) -> &[Denial] {
        &self.kept
    }

    pub(super) fn into_vec(self) -> Vec<Denial> {
        self.kept
    }
}

/// The path as the program gave it: the C library has split it into a preopened directory and
/// the rest.
pub(super) fn absolute(preopen: Option<&str>, path: &str) -> String {
    let mut name = String::new();
    if let Some(preopen) = preopen.filter(|_| !path.starts_with('/')) {
        name.push_str(cut(preopen));
        if !name.ends_with('/') {
            name.push('/');
        }
    }
    name.push_str(cut(path));
    name.truncate(cut(&name).len());
    name
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_NAME_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_kept_once_and_a_missing_file_is_none() {
        let mut denials = Denials::default();
        denials.record(Errno::Noent, "path_open", Some("/"), "etc/passwd");
        denials.record(Errno::Rofs, "path_open", Some("/"), "etc/passwd");
        denials.record(Errno::NotCapable, "path_open", Some("/"), "etc/passwd");
        denials.record(Errno::Perm, "path_open", None, "../x\n");
        let names: Vec<_> = denials.into_vec().into_iter().map(|denial| denial.name).collect();
        assert_eq!(names, ["/etc/passwd", "../x\n"]);
    }

    #[test]
    fn names_and_their_number_are_bounded() {
        let mut denials = Denials::default();
        for index in 0..1000 {
            denials.record(Errno::Acces, "path_open", Some("/data"), &format!("{index}{}", "é".repeat(2000)));
        }
        let kept = denials.into_vec();
        assert_eq!(kept.len(), MAX_KEPT);
        assert!(kept.iter().all(|denial| (255..=256).contains(&denial.name.len())));
    }
}
