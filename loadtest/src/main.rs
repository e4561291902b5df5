//! Drives the gateway: the demo, the load, and the bare pipeline that the load is compared with.

mod bench;
mod channels;
mod demo;
mod floor;
mod push;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives the gateway and measures it.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the main job on the embedded default, with fake channels and a small ERP; ends with a ledger
    Demo(demo::Args),
    Bench(bench::Args),
    Channels(channels::Args),
    Floor(floor::Args),
    Push(push::Args),
    #[command(name = "push-floor")]
    PushFloor(push::FloorArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Channels(args) => channels::run(args).await,
        Command::Floor(args) => floor::run(args).await,
        Command::Push(args) => push::run(args).await,
        Command::PushFloor(args) => push::run_floor(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            channel_gateway::output::complain(format_args!("loadtest: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
