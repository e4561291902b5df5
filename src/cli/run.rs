//! `run`: the gateway itself.

use super::check;
use crate::app::App;
use crate::telemetry;
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
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let app = App::start(plan).await.map_err(|error| error.to_string())?;
    if args.dev {
        let (address, bootstrap) = (app.address(), app.bootstrap());
        crate::output::complain(format_args!(
            "webhooks  http://{address}/v1/partner/dev   (secret whsec_Y2hhbm5lbC1nYXRld2F5LWRldi1zZWNyZXQtMDE=)\n\
             operators http://{}/readyz, /metrics\n\
             watch     kcat -b {bootstrap} -t orders.v1 -C -f '%k %h\\n%s\\n'",
            app.admin()
        ));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    app.stop().await;
    Ok(())
}
