//! Translators: programs that turn those of one language into those of another image's, inside the
//! guest, so that a hostile source meets the limits of its own sandbox and nothing of the host.
//!
//! A translator is one script, put together from files of a package and of ours as a recipe says.

use super::build::{Reporter, read_verified};
use super::recipe::Recipe;
use crate::engine::Digest;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// A piece of a translator.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Part {
    /// A file of ours.
    Own {
        own: String,
    },
    Taken(Taken),
}

/// A file of the source, or what stands between two lines of it, with changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    pub(super) from: String,
    sha256: Digest,
    /// The first line that is taken.
    #[serde(default)]
    begin: Option<String>,
    /// The first line that no longer is.
    #[serde(default)]
    end: Option<String>,
    /// Texts that occur once, and what takes their place.
    #[serde(default)]
    change: Vec<(String, String)>,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
}

impl Part {
    /// Its path below the source, if it is of the source.
    pub(super) fn from(&self) -> Option<&String> {
        match self {
            Part::Own { .. } => None,
            Part::Taken(taken) => Some(&taken.from),
        }
    }
}

/// Reads and joins the pieces.
pub(super) fn compose(recipe: &Recipe, unpacked: &Path, report: &mut Reporter<'_>) -> Result<String> {
    let mut text = String::new();
    for part in &recipe.parsed.translator {
        match part {
            Part::Own { own } => {
                let found = recipe.own_files().find(|(path, _)| path == own);
                let (_, own) = found.ok_or_else(|| defect(format!("`{own}` is no file of this library")))?;
                text += own;
            }
            Part::Taken(taken) => {
                let bytes = read_verified(recipe, unpacked, &taken.from, taken.sha256, report)?;
                let whole = String::from_utf8(bytes).map_err(|_| defect(format!("{} is not UTF-8", taken.from)))?;
                text += &taken.of(&whole)?;
            }
        }
    }
    Ok(text)
}

impl Taken {
    fn of(&self, whole: &str) -> Result<String> {
        let line = |line: &Option<String>| match line {
            None => Ok(None),
            Some(line) => once(whole, &format!("\n{line}\n"), &self.from).map(|at| Some(at + 1)),
        };
        let (begin, end) = (line(&self.begin)?.unwrap_or(0), line(&self.end)?.unwrap_or(whole.len()));
        let taken = whole.get(begin..end);
        let mut taken =
            taken.ok_or_else(|| defect(format!("in {} the last line stands before the first", self.from)))?.to_owned();
        for (find, replace) in &self.change {
            once(&taken, find, &self.from)?;
            taken = taken.replacen(find, replace, 1);
        }
        Ok(format!("{}{taken}{}", self.before, self.after))
    }
}

/// Where a text is that must occur exactly once.
fn once(whole: &str, text: &str, file: &str) -> Result<usize> {
    let mut found = whole.match_indices(text);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        _ => Err(defect(format!("in {file} the text {text:?} does not occur exactly once"))),
    }
}

fn defect(reason: String) -> Error {
    Error::DocumentInvalid { what: "recipe".into(), reason }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn taken(begin: Option<&str>, end: Option<&str>, change: &[(&str, &str)]) -> Taken {
        Taken {
            from: "a.js".into(),
            sha256: Digest::of(b""),
            begin: begin.map(Into::into),
            end: end.map(Into::into),
            change: change.iter().map(|(find, replace)| ((*find).to_owned(), (*replace).to_owned())).collect(),
            before: "(".into(),
            after: ")".into(),
        }
    }

    #[test]
    fn lines_and_texts_are_found_once_or_the_recipe_is_wrong() {
        let whole = "a\n// one\nb = 1;\n// two\nc\n";
        assert_eq!(taken(None, None, &[]).of(whole).unwrap(), format!("({whole})"));
        assert_eq!(
            taken(Some("// one"), Some("// two"), &[("b = 1", "b = 2")]).of(whole).unwrap(),
            "(// one\nb = 2;\n)"
        );
        for wrong in [
            taken(Some("// three"), None, &[]),
            taken(Some("// two"), Some("// one"), &[]),
            taken(None, None, &[("//", "")]),
            taken(None, Some("one"), &[]),
        ] {
            assert!(matches!(wrong.of(whole), Err(Error::DocumentInvalid { .. })));
        }
    }
}
