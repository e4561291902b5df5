//! Where letters are looked up and opened.

use super::letter::{Letter, position, since};
use crate::bus::{Position, RawCommand, ReadError, TopicReader};
use crate::cli::check;
use crate::clock::{Clock, SystemClock};
use crate::config::Plan;
use crate::output::complain;
use crate::seal::Sealer;
use std::collections::HashMap;
use std::path::PathBuf;

/// Records after which a long reading says how far it is.
const PROGRESS: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// Config file of the gateway: its Kafka is read, and its sealing key opens
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Judge the config as `run --dev` would
    #[arg(long)]
    dev: bool,
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct Filter {
    /// Only letters since then: a span before now like 90s, 30m, 2h, 7d, or a time in RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only this class, like malformed
    #[arg(long, value_name = "CLASS")]
    kind: Option<String>,
    /// Only commands of this topic, like stock.commands.v1
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
}

impl Filter {
    fn fits(&self, letter: &Letter) -> bool {
        let of_topic =
            |topic: &String| position(&letter.push_id).is_ok_and(|place| *place.topic == **topic);
        self.kind.as_ref().is_none_or(|kind| *kind == letter.kind)
            && self.topic.as_ref().is_none_or(of_topic)
    }
}

/// Why a command cannot be had.
pub(super) enum Missing {
    /// This one, and others may be had.
    ThisOne(String),
    /// Kafka cannot be read.
    All(String),
}

impl From<Missing> for String {
    fn from((Missing::ThisOne(text) | Missing::All(text)): Missing) -> Self {
        text
    }
}

/// The plan, and the way to its Kafka.
pub(super) struct Desk {
    pub(super) plan: Plan,
    reader: TopicReader,
    sealer: Sealer,
    /// Partitions of the command topics that were asked for.
    partitions: HashMap<String, Vec<i32>>,
}

impl Desk {
    pub(super) fn open(source: &Source) -> Result<Self, String> {
        let plan = check::plan(source.dev, Some(&source.config))?;
        let kafka = &plan.config.kafka;
        if kafka.bootstrap == "embedded" {
            return Err("an embedded Kafka ends with its gateway: there is nothing to read".into());
        }
        let key = plan.sealing_key.as_ref().ok_or("the config has no sealing_key")?;
        let sealer = Sealer::try_new(key).map_err(|error| error.to_string())?;
        let reader =
            TopicReader::new(&kafka.bootstrap, kafka, &plan.kafka_secrets).map_err(plain)?;
        Ok(Self { plan, reader, sealer, partitions: HashMap::new() })
    }

    /// What `keep` makes of the letters that fit, in the order of their times. It gets them without the bytes, and where
    /// they lie.
    pub(super) fn find<T>(
        &mut self,
        filter: &Filter,
        mut keep: impl FnMut(Position, Letter) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        let now = SystemClock.now();
        let since_ms = filter.since.as_deref().map(|text| since(text, now)).transpose()?;
        let (mut found, mut read, mut unreadable) = (Vec::new(), 0_usize, 0_usize);
        let each = |record: RawCommand| {
            read += 1;
            if read.is_multiple_of(PROGRESS) {
                complain(format_args!("{read} records read"));
            }
            let Some(mut letter) = Letter::read(&record) else {
                unreadable += 1;
                return;
            };
            letter.sealed = String::new();
            // What was given up in one moment keeps the order in which it was commanded.
            let place = position(&letter.push_id).ok();
            let order = (letter.at.unix_ms(), place.map(|place| (place.partition, place.offset)));
            if filter.fits(&letter)
                && let Some(kept) = keep(record.position, letter)
            {
                found.push((order, kept));
            }
        };
        let topic = &self.plan.config.kafka.topics.push_dlq;
        self.reader.read(topic, since_ms, each).map_err(plain)?;
        if unreadable > 0 {
            complain(format_args!("{unreadable} records of {topic} are no dead letters"));
        }
        found.sort_by_key(|(order, _)| *order);
        Ok(found.into_iter().map(|(_, kept)| kept).collect())
    }

    /// The command of a letter, from the letter, or from where it lay if the letter does not hold it.
    pub(super) fn command(&mut self, lies: &Position) -> Result<RawCommand, Missing> {
        let gone = || Missing::ThisOne("Kafka no longer has the letter".to_owned());
        let record = self.at(lies)?.ok_or_else(gone)?;
        let letter = Letter::read(&record).ok_or_else(gone)?;
        self.open_letter(&letter).map_err(|missing| match missing {
            Missing::ThisOne(text) => Missing::ThisOne(format!("{}: {text}", letter.push_id)),
            all @ Missing::All(_) => all,
        })
    }

    fn open_letter(&mut self, letter: &Letter) -> Result<RawCommand, Missing> {
        let place = position(&letter.push_id).map_err(Missing::ThisOne)?;
        self.check_place(&place)?;
        if letter.sealed.is_empty() {
            let gone = "its letter does not hold it, and Kafka no longer has it where it lay";
            return self.at(&place)?.ok_or_else(|| Missing::ThisOne(gone.to_owned()));
        }
        let opened = self.sealer.open(&letter.sealed);
        let payload = opened.map_err(|error| Missing::ThisOne(error.to_string()))?;
        let key = letter.key_bytes().map_err(Missing::ThisOne)?;
        Ok(RawCommand { position: place, key, payload: Some(payload) })
    }

    /// A letter could name any topic; a command goes back to a command topic only.
    fn check_place(&mut self, place: &Position) -> Result<(), Missing> {
        let topics = &self.plan.config.kafka.topics;
        if ![&topics.stock_commands, &topics.waybill_commands].contains(&&place.topic.to_string()) {
            let text = format!("{} is no command topic of this config", place.topic);
            return Err(Missing::ThisOne(text));
        }
        if !self.partitions.contains_key(&*place.topic) {
            let partitions = self.reader.partitions(&place.topic);
            let partitions = partitions.map_err(|error| Missing::All(error.0))?;
            self.partitions.insert(place.topic.to_string(), partitions);
        }
        let is_there = self
            .partitions
            .get(&*place.topic)
            .is_some_and(|there| there.contains(&place.partition));
        if !is_there {
            let text = format!("{} has no partition {} now", place.topic, place.partition);
            return Err(Missing::ThisOne(text));
        }
        Ok(())
    }

    fn at(&mut self, place: &Position) -> Result<Option<RawCommand>, Missing> {
        self.reader.at(place).map_err(|error| Missing::All(error.0))
    }
}

/// What went wrong, without the word for which topic the error was made.
fn plain(error: ReadError) -> String {
    error.0
}
