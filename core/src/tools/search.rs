//! Finding tools by words, so that a model need not read all of them.
//!
//! Simple and deterministic: words of the query against words of names and descriptions.

use super::quote::head;
use super::tool::Face;
use std::cmp::Reverse;

/// The most words of a query, and of a description, that are looked at.
const MAX_WORDS: usize = 400;
/// The most characters of a summary.
const MAX_SUMMARY: usize = 200;
/// Words that say nothing about what a tool does.
const EMPTY: [&str; 18] = [
    "a", "an", "and", "by", "for", "from", "get", "i", "in", "is", "it", "of", "on", "or", "the", "to", "tool", "with",
];

/// The tools that fit the query, best first, equally good ones in their order; all, if it has no word.
pub(super) fn search<'a>(faces: impl Iterator<Item = &'a Face>, query: &str, limit: usize) -> Vec<&'a Face> {
    let all = words(query);
    let telling: Vec<&String> = all.iter().filter(|word| !EMPTY.contains(&word.as_str())).collect();
    let telling = if telling.is_empty() { all.iter().collect() } else { telling };
    let mut found: Vec<(u64, &Face)> = faces.map(|face| (score(face, query, &telling), face)).collect();
    if !telling.is_empty() {
        found.retain(|(score, _)| *score > 0);
        found.sort_by_key(|(score, _)| Reverse(*score)); // stable
    }
    found.into_iter().take(limit).map(|(_, face)| face).collect()
}

/// The first line of a description, cut.
pub(super) fn summary(face: &Face) -> &str {
    head(face.description.trim_start().lines().next().unwrap_or_default().trim_end(), MAX_SUMMARY)
}

fn score(face: &Face, query: &str, telling: &[&String]) -> u64 {
    let name = words(&face.name);
    let description = words(&face.description);
    let whole = if query.trim().eq_ignore_ascii_case(&face.name) { 1000 } else { 0 };
    let of = |word: &&String| {
        let in_name = name.iter().map(|other| likeness(word, other)).max().unwrap_or(0);
        let in_description = description.iter().map(|other| likeness(word, other)).max().unwrap_or(0);
        4 * in_name + in_description
    };
    let scores: Vec<u64> = telling.iter().map(of).collect();
    let hits = scores.iter().filter(|score| **score > 0).count() as u64;
    // A tool with two of the words is better than one with one of them twice.
    whole + scores.iter().sum::<u64>() + hits * hits
}

/// The same word, one with another ending, or none.
fn likeness(word: &str, other: &str) -> u64 {
    const SHORTEST: usize = 3;
    let long_enough = word.len() >= SHORTEST && other.len() >= SHORTEST;
    match (word == other, long_enough && (word.starts_with(other) || other.starts_with(word))) {
        (true, _) => 4,
        (_, true) => 2,
        _ => 0,
    }
}

/// The words of a text in lower case: split where letters end, and inside camelCase.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let starts = character.is_uppercase()
            && (before.is_lowercase()
                || before.is_numeric()
                || characters.peek().is_some_and(|next| next.is_lowercase()));
        if (starts || !character.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            if words.len() == MAX_WORDS {
                break;
            }
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Tool;

    fn found(query: &str, limit: usize) -> Vec<String> {
        let tools = [
            Tool::suspending("create_issue").description("Opens a new issue in a repository."),
            Tool::suspending("listIssues").description("Lists issues of a repository."),
            Tool::suspending("get_weather").description("The weather forecast of a city."),
            Tool::suspending("HTTPGet").description("Fetches a page of the web."),
            Tool::suspending("forecast").description("Predicts a series of numbers."),
        ];
        let faces: Vec<Face> = tools.iter().map(|tool| tool.face.clone()).collect();
        search(faces.iter(), query, limit).into_iter().map(|face| face.name.clone()).collect()
    }

    #[test]
    fn the_best_tool_comes_first_and_what_does_not_fit_does_not_come() {
        assert_eq!(found("list the issues", 10), ["listIssues", "create_issue"]);
        assert_eq!(found("weather forecast", 10), ["get_weather", "forecast"]);
        assert_eq!(found("forecast", 1), ["forecast"]);
        assert_eq!(found("http", 10), ["HTTPGet"]);
        assert_eq!(found("HTTPGet", 10)[0], "HTTPGet");
        assert_eq!(found("repositories", 10), Vec::<String>::new());
        assert_eq!(found("repository", 10), ["create_issue", "listIssues"]);
        assert!(found("quantum", 10).is_empty());
    }

    #[test]
    fn a_query_without_words_gives_the_first_tools() {
        assert_eq!(found(" ?", 2), ["create_issue", "listIssues"]);
    }

    #[test]
    fn words_end_where_letters_end_and_inside_camel_case() {
        assert_eq!(
            words("getHTTPPage2Now, snake_case-Ärger"),
            ["get", "http", "page2", "now", "snake", "case", "ärger"]
        );
        assert_eq!(words(&"word ".repeat(10_000)).len(), MAX_WORDS);
        assert!(words(" ,._").is_empty());
    }

    #[test]
    fn a_summary_is_the_first_line() {
        let tool = Tool::suspending("t").description("\n  First line. \nSecond line.");
        assert_eq!(summary(&tool.face), "First line.");
        let long = Tool::suspending("t").description("ä".repeat(1000));
        assert_eq!(summary(&long.face).chars().count(), 200);
    }
}
