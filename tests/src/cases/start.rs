//! What a case starts from: its image, its sandbox and the programs that run before.

use super::Case;
use super::tools::gate;
use crate::guests;
use sandcell::{
    CacheDir, Engine, Image, Limits, Policy, Program, Result, Sandbox, SandboxBuilder, Snapshot, Trust, Workspace,
};
use std::collections::BTreeMap;
use std::path::Path;

/// What stands for the case's folder in its policy.
const FOLDER: &str = "$FOLDER";

/// The sandbox of a case, with the programs that run before.
pub(super) fn sandbox(case: &Case, folder: &Path) -> Result<Sandbox> {
    let mut limits = Limits::new();
    for (name, value) in &case.limits {
        limits.set(name, *value)?;
    }
    let handed = |builder: SandboxBuilder| {
        let builder = builder.tools(case.tools.iter().map(|t| t.tool()));
        if case.gate.is_empty() { builder } else { builder.gate(gate(case.gate.clone())) }
    };
    let given = |builder: SandboxBuilder| handed(builder.policy(policy(case, folder)).limits(limits.clone()));
    let image = match case.imported {
        true => return given(Sandbox::builder(&imported(&case.image, &limits)?)).build(),
        false => image(&case.image, &limits)?,
    };
    let (workspace, mut members) = after_steps(case, &policy(case, folder), &limits)?;
    if let Some(member) = members.remove(&case.image) {
        return Ok(member);
    }
    if let Some(workspace) = workspace {
        return handed(workspace.sandbox(&image)).build();
    }
    let mut sandbox = given(Sandbox::builder(&image)).build()?;
    for code in &case.before {
        let _ = sandbox.run(Program::code(code.as_str()))?;
    }
    if case.saved {
        let bytes = sandbox.snapshot()?.to_bytes(None)?;
        sandbox = given(Snapshot::from_bytes(&image, &bytes, None, &limits)?.restore()).build()?;
    }
    Ok(sandbox)
}

/// The policy of a case, with its folder's name in it.
pub(super) fn policy(case: &Case, folder: &Path) -> Policy {
    match &case.policy {
        serde_json::Value::Null => Policy::new(),
        given => {
            let text = given.to_string().replace(FOLDER, folder.to_str().unwrap());
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case.name))
        }
    }
}

/// The workspace of a case with steps, and the sandboxes that took them, by their images.
fn after_steps(
    case: &Case,
    policy: &Policy,
    limits: &Limits,
) -> Result<(Option<Workspace>, BTreeMap<String, Sandbox>)> {
    let mut members = BTreeMap::new();
    if case.steps.is_empty() {
        return Ok((None, members));
    }
    let workspace = Workspace::new(policy.clone(), limits.clone())?;
    for step in &case.steps {
        if !members.contains_key(&step.image) {
            members.insert(step.image.clone(), workspace.sandbox(&image(&step.image, limits)?).build()?);
        }
        let program = match &step.code {
            Some(code) => Program::code(code.as_str()),
            None => step.args.iter().fold(Program::command(), |program, arg| program.arg(arg)),
        };
        let outcome = members.get_mut(&step.image).map(|member| member.run(program)).transpose()?;
        assert!(outcome.is_some_and(|outcome| outcome.is_success()), "{}: {step:?}", case.name);
    }
    Ok((Some(workspace), members))
}

fn image(name: &str, limits: &Limits) -> Result<Image> {
    match name.strip_prefix("wasm:") {
        // Not the shared one: loading is what a case about modules looks at.
        Some("calls") => Ok(guests::wat("calls")),
        Some(guest) => Image::command(guests::engine(), guest, &guests::wat_source(guest), limits),
        None if name == "python" => Ok(guests::python().clone()),
        None if name == "javascript" => Ok(guests::javascript().clone()),
        None if name == "typescript" => Ok(guests::typescript().clone()),
        None if name == "lua" => Ok(guests::lua().clone()),
        None => Image::load(&Engine::new()?, name),
    }
}

/// The image, out of an archive of it.
fn imported(name: &str, limits: &Limits) -> Result<Image> {
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("archive");
    let digest = Image::export(&Engine::new()?, name, &archive, None, &mut |_| {})?;
    let engine = Engine::builder().cache(CacheDir::at(place.path().join("cache"))).build()?;
    Image::import(&engine, &archive, &Trust::sha256(&digest)?, limits, &mut |_| {})
}
