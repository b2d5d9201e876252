//! The table of capabilities and languages is complete, and its checks can fail.

use sandcell_tests::cases::{self, Case};
use sandcell_tests::parity::{self, LANGUAGES};
use sandcell_tests::places;

#[test]
fn every_capability_is_shown_by_a_case() {
    assert_eq!(parity::gaps(&cases::read_all()), [""; 0]);
}

#[test]
fn a_capability_that_loses_its_cases_is_noticed() {
    let cases = cases::read_all();
    for row in parity::all_rows() {
        let shows = |case: &&Case| parity::shown_by(case).contains(&row);
        let others: Vec<Case> = cases.iter().filter(|case| !shows(case)).cloned().collect();
        if others.len() < cases.len() {
            let gap = format!("no case shows {row}");
            assert!(parity::gaps(&others).contains(&gap), "{gap}");
        }
    }
}

#[test]
fn the_page_is_current() {
    let page = std::fs::read_to_string(places::workspace().join("docs/parity.md")).unwrap();
    assert!(page == parity::page(&cases::read_all()), "run `cargo xtask docs`");
}

#[test]
fn a_limit_that_a_case_does_not_set_cannot_be_what_bites() {
    let case = |bites: &str| {
        let text = format!(
            r#"{{"name": "n", "image": "wasm:calls", "limits": {{"fuel": 5}}, "bites": "{bites}", "expect": {{"raised": "x"}}}}"#
        );
        cases::parse(&text)
    };
    assert!(case("fuel").is_ok());
    assert!(case("deadline_ms").unwrap_err().contains("`deadline_ms`"));
}

#[test]
fn records_that_differ_from_what_must_be_run_are_noticed() {
    let cases = cases::read_all();
    let folder = tempfile::tempdir().unwrap();
    let write = |change: &dyn Fn(&str, &str) -> Option<String>| {
        for language in &LANGUAGES {
            let skipped = language.skipped(&cases);
            let lines = cases.iter().filter_map(|case| {
                let word = if skipped.contains_key(&case.name) { "skipped" } else { "ran" };
                change(language.name, &format!("{word} {}", case.name))
            });
            let lines: Vec<String> = lines.collect();
            std::fs::write(folder.path().join(format!("{}.all", language.name)), lines.join("\n")).unwrap();
        }
        parity::check_records(folder.path(), &cases)
    };
    assert_eq!(write(&|_, line| Some(line.to_owned())), [""; 0]);
    let first = format!("ran {}", cases[0].name);
    for (wrong, said) in [
        (None, "was not run"),
        (Some(format!("skipped {}", cases[0].name)), "without a reason"),
        (Some(format!("{first}\nran nonsense")), "there is no case nonsense"),
    ] {
        let problems = write(&|language, line| match language == "python" && line == first {
            true => wrong.clone(),
            false => Some(line.to_owned()),
        });
        assert!(problems.len() == 1 && problems[0].contains(said) && problems[0].contains("python"), "{problems:?}");
    }
    let problems = write(&|_, line| Some(line.replace("skipped ", "ran ")));
    assert!(problems.iter().any(|problem| problem.contains("stands in the skips")), "{problems:?}");
    let nowhere = parity::check_records(&folder.path().join("nowhere"), &cases);
    assert!(nowhere.len() >= cases.len() * LANGUAGES.len(), "{}", nowhere.len());
}
