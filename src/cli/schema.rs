//! `schema`: the contract of the topics, for machines.

use crate::output::line;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write one file a topic into this folder instead of printing one document
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let schemas = crate::schema::all();
    let Some(folder) = &args.write else {
        let all: serde_json::Map<String, serde_json::Value> =
            schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema.into())).collect();
        line(serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?);
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (name, schema) in schemas {
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
        std::fs::write(&path, text + "\n")
            .map_err(|error| format!("{}: {error}", path.display()))?;
        line(path.display());
    }
    Ok(())
}
