//! `run`: the gateway itself.

use super::check;
use crate::app::App;
use crate::config::{Plan, ShopPlan};
use crate::output::complain;
use crate::telemetry;
use connectors::contract::Capability;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Config file; names only what differs from the defaults
    #[arg(long, value_name = "FILE", required_unless_present = "dev")]
    config: Option<PathBuf>,
    /// Everything embedded: memory instead of Redis, librdkafka's in-process broker instead of Kafka, loopback only,
    /// and one partner shop `dev` whose secret everybody knows. Nothing is kept at exit
    #[arg(long)]
    dev: bool,
}

pub(super) async fn run(args: Args) -> Result<(), String> {
    let plan = check::plan(args.dev, args.config.as_deref())?;
    telemetry::start(&plan.config.telemetry);
    let shown = if args.dev { webhooks(&plan, args.config.is_none()) } else { Vec::new() };
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let app = App::start(plan).await.map_err(|error| error.to_string())?;
    for webhook in shown {
        complain(format_args!("webhooks  http://{}{webhook}", app.address()));
    }
    if args.dev {
        complain(format_args!("operators http://{}/readyz, /metrics", app.admin()));
        complain(format_args!(
            "watch     kcat -b {} -t orders.v1 -C -f '%k %h\\n%s\\n'",
            app.bootstrap()
        ));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    app.stop().await;
    Ok(())
}

/// Paths that take webhooks, with the secret where it is the compiled-in one that everybody knows.
fn webhooks(plan: &Plan, known: bool) -> Vec<String> {
    let takes = |shop: &&ShopPlan| shop.enabled.contains(&Capability::Webhooks);
    let show = |shop: &ShopPlan| {
        let secret = shop.keys.first().filter(|_| known).map_or("", |key| key.secret.expose_str());
        format!("/v1/{}/{}  {secret}", shop.entry.channel, shop.id)
    };
    plan.shops.iter().filter(takes).map(show).collect()
}
