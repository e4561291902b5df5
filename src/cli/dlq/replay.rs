//! `dlq replay`: chosen first, then opened and produced a batch at a time.

use super::desk::{Desk, Filter, Missing, Source};
use super::letter::{Letter, position};
use super::no_letter;
use crate::bus::{Position, RawCommand, TopicWriter};
use crate::output::{complain, line};
use std::collections::HashSet;

pub(super) const ABOUT: &str = "\
Produces commands again, with their exact key and bytes, to the topic and partition where they lay, and waits for Kafka's acknowledgement.
A replayed command is an ordinary command: a stock level that is not newer than the newest one known ends as `superseded`, and a command
that still cannot be understood becomes a dead letter again.

Each command is replayed once, however many letters tell of it. One that cannot be replayed (sealed with another key, too large for its
letter and gone, without a value) is named and passed over, and the exit code is 1. A letter stays in its topic after a replay; narrow the next one with --since.

A replayed command has a new push_id and is the last of its key in its topic: where the ERP has commanded anew since, there is no need to
replay the old one.";

/// More than these are replayed only with `--yes`.
const MANY: usize = 100;
/// Commands in memory at once.
const BATCH: usize = 64;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the commands lay: topic/partition/offset
    #[arg(value_name = "PUSH_ID", required_unless_present = "all", conflicts_with = "all")]
    push_ids: Vec<String>,
    #[command(flatten)]
    source: Source,
    /// Everything that the filters leave
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Open everything and say what would be done, but produce nothing
    #[arg(long)]
    dry_run: bool,
    /// Replay more than 100
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: Args) -> Result<(), String> {
    let (mut desk, chosen) = tokio::task::block_in_place(|| choose(&args))?;
    let (all, mut done, mut looked_at) = (chosen.len(), 0, 0);
    let kafka = &desk.plan.config.kafka;
    let writer = (!args.dry_run)
        .then(|| TopicWriter::new(&kafka.bootstrap, kafka, &desk.plan.kafka_secrets))
        .transpose()
        .map_err(|error| error.0)?;
    for batch in chosen.chunks(BATCH) {
        let commands = tokio::task::block_in_place(|| open(&mut desk, batch))
            .map_err(|error| format!("{error}; {done} of {all} were replayed before"))?;
        let count = commands.len();
        let replayed = match &writer {
            Some(writer) => put_back(writer, commands).await,
            None => announce(&commands),
        };
        done += replayed;
        looked_at += batch.len();
        if replayed < count {
            return Err(format!("Kafka did not acknowledge all: {done} of {all} were replayed"));
        }
        if all > BATCH {
            complain(format_args!("{looked_at} of {all}"));
        }
    }
    let verb = if args.dry_run { "would be replayed; nothing was" } else { "replayed" };
    if done < all {
        return Err(format!("{done} of {all} {verb}"));
    }
    complain(format_args!("{done} {verb}"));
    Ok(())
}

/// Where the letters lie, each command once and in the order of the letters' times.
fn choose(args: &Args) -> Result<(Desk, Vec<Position>), String> {
    for push_id in &args.push_ids {
        position(push_id)?;
    }
    let mut desk = Desk::open(&args.source)?;
    let mut known = HashSet::new();
    let wanted = |lies, letter: Letter| {
        let is_wanted = args.all || args.push_ids.contains(&letter.push_id);
        (is_wanted && known.insert(letter.push_id)).then_some(lies)
    };
    let chosen = desk.find(&args.filter, wanted)?;
    if let Some(missing) = args.push_ids.iter().find(|push_id| !known.contains(*push_id)) {
        return Err(no_letter(missing));
    }
    if chosen.len() > MANY && !args.yes && !args.dry_run {
        return Err(format!("{} would be replayed; say --yes if that is meant", chosen.len()));
    }
    Ok((desk, chosen))
}

/// The commands of a batch that can be had, in the order of the batch.
fn open(desk: &mut Desk, batch: &[Position]) -> Result<Vec<RawCommand>, String> {
    let mut by_place: Vec<(usize, &Position)> = batch.iter().enumerate().collect();
    // Neighbours are read in one go.
    by_place.sort_by_key(|(_, lies)| (lies.partition, lies.offset));
    let mut opened = Vec::with_capacity(batch.len());
    for (index, lies) in by_place {
        match desk.command(lies) {
            Ok(command) if command.payload.is_none() => {
                complain(format_args!("{}: it has no value to replay", name(&command.position)));
            }
            Ok(command) => opened.push((index, command)),
            Err(Missing::ThisOne(text)) => complain(text),
            Err(Missing::All(text)) => return Err(text),
        }
    }
    opened.sort_by_key(|(index, _)| *index);
    Ok(opened.into_iter().map(|(_, command)| command).collect())
}

fn announce(commands: &[RawCommand]) -> usize {
    for command in commands {
        let Position { topic, partition, .. } = &command.position;
        let bytes = command.payload.as_ref().map_or(0, Vec::len);
        let from = name(&command.position);
        line(format_args!("would replay {from} to {topic}/{partition}, {bytes} bytes"));
    }
    commands.len()
}

/// Returns how many were acknowledged.
async fn put_back(writer: &TopicWriter, commands: Vec<RawCommand>) -> usize {
    let places: Vec<String> = commands.iter().map(|command| name(&command.position)).collect();
    let mut acknowledged = 0;
    for (from, to) in places.iter().zip(writer.put_back(commands).await) {
        match to {
            Ok(to) => {
                acknowledged += 1;
                line(format_args!("{from} -> {}", name(&to)));
            }
            Err(error) => complain(format_args!("{from}: {error}")),
        }
    }
    acknowledged
}

fn name(place: &Position) -> String {
    format!("{}/{}/{}", place.topic, place.partition, place.offset)
}
