//! The Python driver's own tests (`guests/python/driver/tests`), which drive it in the real guest with
//! requests of its own protocol.

use sandcell_tests::{cli, guests, places};
use std::process::Command;

/// Runs the tests of one file.
fn passes(file: &str, tests: usize) {
    guests::python();
    let mut command = Command::new("python3");
    command.arg(places::workspace().join("guests/python/driver/tests"));
    // Nothing is left in the checkout.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = cli::run(command.arg("--sandcell").arg(places::binary("sandcell")).arg(format!("{file}.")));
    let counted = format!("{tests} tried, 0 failed\n");
    assert!(ran.code == Some(0) && ran.stdout.ends_with(&counted), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn the_last_expression_has_its_value_in_every_form() {
    passes("values", 2);
}

#[test]
fn ten_thousand_programs_are_split_as_their_syntax_tree_says() {
    passes("splitting", 1);
}

#[test]
fn errors_exits_and_exhaustion_are_told_in_the_users_lines() {
    passes("errors", 3);
}

#[test]
fn streams_names_asyncio_and_seeds_are_as_a_program_expects() {
    passes("surroundings", 4);
}
