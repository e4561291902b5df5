//! The command line: what can be asked of the one binary.

mod check;
mod dlq;
mod flags;
mod inputs;
mod request;
mod run;
mod schema;
mod sign;
mod simulate;
mod trade;
mod unseal;
mod verdict;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Takes orders from every sales channel into Kafka once, and carries stock and waybills back.
///
/// Channels call POST /v1/{channel}/{shop}, or are polled. Every order and refund is verified, normalized, deduplicated
/// and published as a CloudEvent; a channel is answered "success" only after Kafka acknowledged. Commands from Kafka set
/// stock levels and report shipments, within each channel's limits.
///
/// Try it without anything installed:   channel-gateway run --dev
/// Judge a config before using it:      channel-gateway check --config gateway.toml
/// Find out why a signature is refused: channel-gateway verify --help
#[derive(Debug, Parser)]
#[command(name = "channel-gateway", version, verbatim_doc_comment, after_help = channels())]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

// `about` and not a document comment, which would hide the long help of the arguments.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(
        about = "Runs the gateway until SIGTERM or Ctrl-C; then accepted requests finish and the process ends within 30 s"
    )]
    Run(run::Args),
    #[command(
        about = "Judges a config: prints every problem with its key and line, and the shops it would serve; exits 1 on a problem"
    )]
    Check(check::Args),
    #[command(about = "Signs a request as a channel does, and shows how")]
    Sign(sign::Args),
    #[command(
        about = "Checks a received signature, and says which usual mistake would give it; exits 1 if it is another"
    )]
    Verify(verify::Args),
    #[command(about = "Prints the JSON Schemas of all events and commands")]
    Schema(schema::Args),
    #[command(
        about = "Runs a strict fake of a channel on a socket, for developers who have no sandbox"
    )]
    Simulate(simulate::Args),
    #[command(about = "Opens the sealed bytes of a quarantine or dead-letter record")]
    Unseal(unseal::Args),
    #[command(
        about = "Lists, shows and replays dead letters: commands that could not be understood"
    )]
    Dlq(dlq::Args),
}

/// Runs the command of this process.
pub async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(args).await,
        Command::Check(args) => check::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Simulate(args) => simulate::run(args).await,
        Command::Unseal(args) => unseal::run(&args),
        Command::Dlq(args) => dlq::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            crate::output::complain(format_args!("channel-gateway: {message}"));
            ExitCode::FAILURE
        }
    }
}

fn channels() -> String {
    let channels: Vec<String> = connectors::REGISTRY
        .iter()
        .map(|entry| format!("  {:<10} {}", entry.channel, entry.about))
        .collect();
    let settings =
        "All settings, each with its default and meaning: channel-gateway check --defaults";
    format!("Channels:\n{}\n\n{settings}", channels.join("\n"))
}
