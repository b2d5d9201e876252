//! `sandcell mcp`: an MCP server whose client's model runs programs.

use crate::failure::Failure;
use crate::grants::{self, Grants};
use clap::Args;
use sandcell::{Engine, Image};
use sandcell_mcp::{Offer, serve_stdio};

const EXAMPLES: &str = "\
Examples:
  sandcell mcp
  sandcell mcp --image science --mount ./sales:/data --timeout 20 --limit memory_bytes=256m
  sandcell mcp --mcp files='mcp-server-filesystem /srv/data'

In the configuration of an MCP client:
  {\"mcpServers\": {\"python\": {\"command\": \"sandcell\", \"args\": [\"mcp\", \"--timeout\", \"20\"]}}}";

/// Serve an MCP client over standard input and output
///
/// The client gets the tools run_python, write_file, read_file, list_files and reset. It has one
/// session, whose variables, imports and files stay from call to call; /work is a writable folder in
/// memory unless something is mounted there.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = grants::long_help(EXAMPLES))]
pub(crate) struct McpArgs {
    /// The image of the session
    #[arg(long, value_name = "NAME", default_value = "python")]
    image: String,

    #[command(flatten)]
    grants: Grants,
}

pub(crate) fn execute(args: &McpArgs) -> Result<u8, Failure> {
    let (limits, policy) = (args.grants.limits()?, args.grants.policy()?);
    let servers = args.grants.servers()?;
    let image = Image::load(&Engine::new()?, &args.image)?;
    let tools = servers.iter().flat_map(|servers| servers.tools()).cloned();
    serve_stdio(Offer::new(&image).policy(policy).limits(limits).tools(tools))?;
    Ok(0)
}
