//! STUB
use super::Tool;
use crate::error::Result;
use serde_json::{Map, Value};
#[derive(Debug)]
pub(super) struct Registry {
    tools: Vec<Tool>,
}
impl Registry {
    pub(super) fn new(tools: Vec<Tool>) -> Result<Registry> {
        Ok(Registry { tools })
    }
    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(Tool::name)
    }
    pub(super) fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }
    pub(super) fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|t| t.name() == name)
    }
    pub(super) fn check(&self, _: &str, _: &Map<String, Value>) -> std::result::Result<(), String> {
        Ok(())
    }
}
