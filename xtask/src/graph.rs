//! Wasmtime is built once: one version, one set of features, whichever package is asked for.
//!
//! Cargo builds a crate again for every other set of features of the crate itself or of anything
//! below it. A build of wasmtime takes minutes, so that would be felt by everybody. What is not below
//! it may differ: that is built in seconds.

use crate::cargo::{cargo, output};
use std::collections::{BTreeMap, BTreeSet};

/// The packages that are built or tested alone.
const ALONE: [&str; 6] =
    ["sandcell", "sandcell-cli", "sandcell-mcp", "sandcell-tests", "sandcell-examples", "sandcell-python"];

/// Each package with every set of features that it is built with. There can be two: one for the
/// target, one for build scripts and macros.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Fails if more than one build of wasmtime would be made.
pub(crate) fn check() -> Result<(), String> {
    let workspace = graph(&["--workspace"])?;
    one_wasmtime(&workspace)?;
    let below: BTreeSet<String> = graph(&["-p", "wasmtime"])?.into_keys().collect();
    for package in ALONE {
        let mut alone = graph(&["-p", package])?;
        alone.retain(|package, _| below.contains(package));
        let others = differences(&alone, &workspace);
        if !others.is_empty() {
            return Err(format!(
                "`-p {package}` resolves other features than `--workspace`, so wasmtime would be built twice; \
                 name the features in [workspace.dependencies]:\n  {}",
                others.join("\n  ")
            ));
        }
    }
    Ok(())
}

fn graph(selection: &[&str]) -> Result<Graph, String> {
    let shape = ["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}|{f}"];
    Ok(parse(&output(cargo(&["tree", "--locked"]).args(shape).args(selection))?))
}

fn parse(tree: &str) -> Graph {
    let mut graph = Graph::new();
    for line in tree.lines() {
        // `(*)` marks a package whose dependencies were listed before.
        let line = line.trim().trim_end_matches(" (*)");
        if let Some((package, features)) = line.split_once('|') {
            graph.entry(package.trim().to_owned()).or_default().insert(features.trim().to_owned());
        }
    }
    graph
}

fn one_wasmtime(graph: &Graph) -> Result<(), String> {
    let found: Vec<_> = graph.iter().filter(|(package, _)| package.starts_with("wasmtime v")).collect();
    match found.as_slice() {
        [(_, features)] if features.len() == 1 => Ok(()),
        [] => Err("wasmtime is not in the graph: has the format of `cargo tree` changed?".into()),
        several => Err(format!("wasmtime would be built more than once: {several:?}")),
    }
}

/// What is built alone in a way in which the workspace does not build it.
fn differences(alone: &Graph, workspace: &Graph) -> Vec<String> {
    let known = |package: &str, features: &str| workspace.get(package).is_some_and(|sets| sets.contains(features));
    let all = alone.iter().flat_map(|(package, sets)| sets.iter().map(move |features| (package, features)));
    all.filter(|(package, features)| !known(package, features))
        .map(|(package, features)| format!("{package}: {features}; the workspace has {:?}", workspace.get(package)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "wasmtime v48.0.8|async,gc\nlibc v0.2.1|default,std\nwasmtime v48.0.8|async,gc (*)\n";

    #[test]
    fn one_build_passes_and_a_second_feature_set_or_version_fails() {
        assert_eq!(one_wasmtime(&parse(TREE)), Ok(()));
        assert!(one_wasmtime(&parse(&format!("{TREE}wasmtime v48.0.8|async"))).is_err());
        assert!(one_wasmtime(&parse(&format!("{TREE}wasmtime v47.0.0|async,gc"))).is_err());
        assert!(one_wasmtime(&parse("")).is_err());
    }

    #[test]
    fn a_package_with_other_features_is_named() {
        let alone = parse("libc v0.2.1|default");
        assert!(differences(&alone, &parse(TREE))[0].starts_with("libc v0.2.1: default"));
        assert!(differences(&parse(TREE), &parse(TREE)).is_empty());
    }
}
