//! Logs and metrics. Neither ever shows a body, a token or a buyer.

mod many;
pub mod metrics;

use crate::config::{LogFormat, Telemetry};
use tracing_subscriber::EnvFilter;

/// Sets up logging to standard error. A second call changes nothing.
pub fn start(settings: &Telemetry) {
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if set.is_err() {
        tracing::debug!("logging was set up before");
    }
}
