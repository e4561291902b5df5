//! `dlq`: what could not be understood, and another try for it.

mod desk;
mod letter;
mod replay;

use crate::output::{complain, line};
use desk::{Desk, Filter, Source};
use letter::position;

/// Dead letters are commands that could not be understood: not JSON, a wrong field, a shop that was not served. Each is
/// kept in push.dlq.v1 with the reason and its sealed bytes. Correct the cause, then replay them.
///
///   channel-gateway dlq list --config gateway.toml --since 2h
///   channel-gateway dlq show stock.commands.v1/1/25 --config gateway.toml
///   channel-gateway dlq replay stock.commands.v1/1/25 --config gateway.toml --dry-run
///   channel-gateway dlq replay --all --since 2h --topic stock.commands.v1 --config gateway.toml
///
/// It reads outside the gateway's consumer group: a gateway that runs notices nothing.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    #[command(
        about = "One line a letter, newest last: time, push_id, key, class, field, reason; never the bytes"
    )]
    List(List),
    #[command(about = "All of one letter as JSON, but its bytes; its key is in Base64")]
    Show(Show),
    #[command(
        about = "Produces commands again, exactly as they were, to the topic and partition where they lay",
        long_about = replay::ABOUT
    )]
    Replay(replay::Args),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    filter: Filter,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line, with all but the bytes
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Where the command lay: topic/partition/offset
    push_id: String,
    #[command(flatten)]
    source: Source,
    /// Print the command's bytes too. They may hold personal data: do not keep them
    #[arg(long)]
    unseal: bool,
}

pub(super) async fn run(args: Args) -> Result<(), String> {
    match args.what {
        What::List(args) => tokio::task::block_in_place(|| list(&args)),
        What::Show(args) => tokio::task::block_in_place(|| show(&args)),
        What::Replay(args) => replay::run(args).await,
    }
}

fn list(args: &List) -> Result<(), String> {
    // A line is kept and not its letter, which may have a long key.
    let written = |_, letter: letter::Letter| {
        if args.json { serde_json::to_string(&letter).ok() } else { Some(letter.line()) }
    };
    let mut found = Desk::open(&args.source)?.find(&args.filter, written)?;
    let all = found.len();
    let shown = found.split_off(args.limit.map_or(0, |limit| all.saturating_sub(limit)));
    for letter in &shown {
        line(letter);
    }
    if shown.len() < all {
        complain(format_args!("the newest {} of {all} dead letters", shown.len()));
    } else {
        complain(format_args!("{all} dead letters"));
    }
    Ok(())
}

fn show(args: &Show) -> Result<(), String> {
    position(&args.push_id)?;
    let mut desk = Desk::open(&args.source)?;
    let this =
        |lies, letter: letter::Letter| (letter.push_id == args.push_id).then_some((lies, letter));
    let mut found = desk.find(&Filter::default(), this)?;
    let (lies, letter) = found.pop().ok_or_else(|| no_letter(&args.push_id))?;
    line(serde_json::to_string_pretty(&letter).map_err(|error| error.to_string())?);
    if args.unseal {
        let command = desk.command(&lies)?;
        complain("the bytes may hold personal data: do not keep them");
        line(String::from_utf8_lossy(command.payload.as_deref().unwrap_or_default()));
    }
    Ok(())
}

fn no_letter(push_id: &str) -> String {
    format!("there is no dead letter of {push_id}")
}
