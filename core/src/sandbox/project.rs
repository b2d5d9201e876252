//! Projects: the files of one program, one of which is where it starts.

use crate::error::{Error, Result};
use crate::policy::FileName;
use crate::vfs::{self, FolderProblem};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The most files of a project.
pub(super) const MOST_FILES: usize = 10_000;
/// The most bytes that the files of a project have together.
pub(super) const MOST_BYTES: usize = 128 << 20;

/// The files of one program, with the one that it starts with.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) files: Files,
    pub(super) entry: FileName,
}

/// Files by their names.
pub(super) type Files = BTreeMap<FileName, Arc<[u8]>>;

impl Project {
    /// Checks names and sizes, that no file is a folder too, and that the entry is among the files.
    pub(super) fn new<N, C>(files: impl IntoIterator<Item = (N, C)>, entry: &str) -> Result<Project>
    where
        N: AsRef<str>,
        C: Into<Vec<u8>>,
    {
        let mut named = Files::new();
        let mut bytes = 0usize;
        for (name, content) in files {
            let name = FileName::parse(name.as_ref())?;
            let content = content.into();
            bytes = bytes.saturating_add(content.len());
            if bytes > MOST_BYTES {
                return Err(invalid(&name, "with it the project is larger than 128 MiB"));
            }
            if named.len() == MOST_FILES {
                return Err(invalid(&name, "with it the project has more than 10,000 files"));
            }
            if named.contains_key(&name) {
                return Err(invalid(&name, "it is given twice"));
            }
            named.insert(name, content.into());
        }
        for name in named.keys() {
            if name.folders().any(|folder| FileName::parse(folder).is_ok_and(|folder| named.contains_key(&folder))) {
                return Err(invalid(name, "it lies in what is a file"));
            }
        }
        let entry = FileName::parse(entry)?;
        match named.contains_key(&entry) {
            true => Ok(Project { files: named, entry }),
            false => Err(invalid(&entry, "the program starts with it, and it is not among the files")),
        }
    }

    /// Reads the files of a folder of the host.
    pub(super) fn of_folder(folder: &Path, entry: &str) -> Result<Project> {
        let dir = vfs::open_folder(folder).map_err(Error::host_io("opening the folder of the project"))?;
        let caps = vfs::FolderCaps { files: MOST_FILES, bytes: MOST_BYTES, name_bytes: FileName::MAX_BYTES };
        let files = vfs::read_folder(&dir, &caps).map_err(|problem| match problem {
            FolderProblem::Io(name, source) => {
                Error::HostIo { operation: format!("reading {name} of the project"), source }
            }
            FolderProblem::Not(name, reason) => Error::ProjectInvalid { file: name, reason },
        })?;
        Project::new(files, entry)
    }

    /// The source of the file that it starts with.
    pub(super) fn source(&self) -> Result<String> {
        let bytes = self.files.get(&self.entry).map_or(&[][..], |bytes| bytes);
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned).map_err(|_| invalid(&self.entry, "the program starts with it, and it is not UTF-8"))
    }
}

fn invalid(file: &FileName, reason: &'static str) -> Error {
    Error::ProjectInvalid { file: file.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(project: Result<Project>) -> (String, String) {
        let error = project.unwrap_err();
        (error.code().as_str().to_owned(), error.to_string())
    }

    #[test]
    fn a_project_has_its_entry_and_no_file_is_a_folder() {
        let project = Project::new([("main.py", "1"), ("lib/x.py", "2")], "main.py").unwrap();
        assert_eq!((project.files.len(), project.source().unwrap().as_str()), (2, "1"));
        for (files, entry, part) in [
            (vec![("a.py", "")], "b.py", "not among the files"),
            (vec![("a", ""), ("a/b", "")], "a", "lies in what is a file"),
            (vec![("a/b", ""), ("a/b/c/d", "")], "a/b", "lies in what is a file"),
            (vec![("a", ""), ("a", "")], "a", "given twice"),
            (vec![], "a", "not among the files"),
        ] {
            let (code, text) = code(Project::new(files, entry));
            assert!(code == "project_invalid" && text.contains(part), "{text}");
        }
        for (name, entry) in [("../a", "a"), ("a", "../a"), ("a\0", "a")] {
            assert_eq!(code(Project::new([(name, "")], entry)).0, "file_name_invalid");
        }
    }

    #[test]
    fn what_is_too_large_or_too_much_is_refused() {
        let many = (0..=MOST_FILES).map(|number| (format!("f{number}"), ""));
        assert!(code(Project::new(many, "f0")).1.contains("10,000 files"));
        let half = vec![0; MOST_BYTES / 2 + 1];
        assert!(code(Project::new([("a", half.clone()), ("b", half)], "a")).1.contains("128 MiB"));
    }

    #[test]
    fn an_entry_that_is_no_text_is_refused_when_it_is_read() {
        let project = Project::new([("a", vec![0xff])], "a").unwrap();
        assert!(project.source().unwrap_err().to_string().contains("not UTF-8"));
    }
}
