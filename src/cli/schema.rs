//! `schema`: the contract of the topics, for machines.

use crate::output::line;
use crate::schema::{TOPICS, document};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write one file a topic into this folder instead of printing one document
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Print an AsyncAPI 3.0 document of all topics: channels, operations, messages, headers, keys
    #[arg(long, conflicts_with = "write")]
    asyncapi: bool,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    if args.asyncapi {
        line(text(&document())?);
        return Ok(());
    }
    let Some(folder) = &args.write else {
        let all = TOPICS.iter().map(|topic| (topic.name.to_owned(), topic.schema().into()));
        line(text(&all.collect::<Map<String, Value>>())?);
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| about(folder, &error))?;
    for topic in &TOPICS {
        let path = folder.join(format!("{}.json", topic.name));
        let text = text(&topic.schema())? + "\n";
        std::fs::write(&path, text).map_err(|error| about(&path, &error))?;
        line(path.display());
    }
    Ok(())
}

fn text(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}

fn about(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
