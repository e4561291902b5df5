//! `check`: every problem of a config, before it is used.

use crate::config::{self, Plan};
use crate::judge::judge;
use crate::output::{complain, line};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Config file
    #[arg(long, value_name = "FILE", required_unless_present = "defaults")]
    config: Option<PathBuf>,
    /// Judge it as `run --dev` would
    #[arg(long)]
    dev: bool,
    /// Print all settings with their defaults and meaning instead
    #[arg(long)]
    defaults: bool,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    if args.defaults {
        line(config::DEFAULT);
        return Ok(());
    }
    let plan = plan(args.dev, args.config.as_deref())?;
    for shop in &plan.shops {
        let enabled: Vec<&str> =
            shop.enabled.iter().map(|capability| capability.as_str()).collect();
        line(format_args!("{}/{}: {}", shop.entry.channel, shop.id, enabled.join(", ")));
    }
    line(format_args!("ok, shops: {}", plan.shops.len()));
    Ok(())
}

/// Reads and judges; problems are printed one a line, in the form of a compiler.
pub(super) fn plan(dev: bool, path: Option<&Path>) -> Result<Plan, String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let text = path.map(read).transpose()?;
    let (plan, problems) = config::judged(dev, text.as_deref(), judge);
    let name = path.map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
    let mut wrong = 0;
    for problem in problems {
        let sort = if problem.is_warning { "warning" } else { "error" };
        wrong += usize::from(!problem.is_warning);
        complain(format_args!("{sort}: {name}: {problem}"));
    }
    plan.ok_or_else(|| format!("{name} has {wrong} problems"))
}
