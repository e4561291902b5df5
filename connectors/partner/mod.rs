//! Distribution partners: our own open contract on the public Standard Webhooks specification.
//!
//! A partner posts whole canonical orders and refunds, signed, to `/v1/partner/{shop}`; stock levels and waybills go
//! back to the partner's own URL, signed the same way. There is no list to poll: what a partner did not push, nobody
//! can ask for. The contract is written out in this folder's README.

mod auth;
#[cfg(feature = "testkit")]
mod fake;
#[cfg(feature = "testkit")]
mod floor;
#[cfg(feature = "testkit")]
mod invent;
mod message;
#[cfg(test)]
mod mistakes_tests;
mod sign;
mod stock;
mod strict;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests_body;
mod waybill;
mod webhook;
mod wire;

use crate::contract::{
    ApiReply, Auth, Connector, Entry, Error, ErrorKind, QuotaSpec, Result, ShopSetup, StockSink,
    WaybillSink, WebhookSource, classify_status,
};
use http::{StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The registry line.
pub(crate) const ENTRY: Entry = Entry {
    channel: CHANNEL,
    about: "Distribution partners, by our open contract on Standard Webhooks",
    quotas: &[
        QuotaSpec { api: stock::API, per_second: 50, burst: 50 },
        QuotaSpec { api: stock::LEVELS, per_second: 50, burst: 50 },
        QuotaSpec { api: waybill::SHIP, per_second: 50, burst: 50 },
        QuotaSpec { api: waybill::SHIPPED, per_second: 50, burst: 50 },
    ],
    needs_app: false,
    needs_secret: true,
    needs_token: false,
    build,
    #[cfg(feature = "testkit")]
    fake: fake::build,
};

const CHANNEL: &str = "partner";
const TOLERANCE_SECS: u32 = 300;
/// More than a day would make the timestamp no protection against replay.
const LONGEST_TOLERANCE_SECS: u32 = 86_400;

/// Settings of one partner.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Largest difference between the signed timestamp and our clock, in seconds, either way.
    tolerance_secs: u32,
    /// Whether the partner answers `GET /levels`.
    reads_stock: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tolerance_secs: TOLERANCE_SECS, reads_stock: false }
    }
}

/// One partner.
#[derive(Debug)]
struct Partner {
    tolerance: Duration,
    reads_stock: bool,
}

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = setup.settings()?;
    if settings.tolerance_secs == 0 || settings.tolerance_secs > LONGEST_TOLERANCE_SECS {
        return Err(Error::malformed("expected 1 to 86400 seconds").at("tolerance_secs"));
    }
    let tolerance = Duration::from_secs(u64::from(settings.tolerance_secs));
    Ok(Arc::new(Partner { tolerance, reads_stock: settings.reads_stock }))
}

impl Connector for Partner {
    fn auth(&self) -> &dyn Auth {
        self
    }

    /// By HTTP status. 404, 409 and 422 pass, because their bodies mean something to the one who asked.
    fn classify(&self, reply: &ApiReply) -> Result<()> {
        let retry_after = retry_after(reply);
        match reply.status {
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(())
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Err(throttled(retry_after, "partner asks for a slower pace"))
            }
            StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => {
                Err(throttled(retry_after, "partner is away for a while"))
            }
            status => classify_status(status),
        }
    }

    fn webhooks(&self) -> Option<&dyn WebhookSource> {
        Some(self)
    }

    fn stock(&self) -> Option<&dyn StockSink> {
        Some(self)
    }

    fn waybills(&self) -> Option<&dyn WaybillSink> {
        Some(self)
    }
}

fn throttled(retry_after: Option<Duration>, context: &'static str) -> Error {
    Error::new(ErrorKind::Throttled { retry_after }, context)
}

/// Seconds only: the date form would need a clock, and a partner who sends it is waited for as if it sent nothing.
fn retry_after(reply: &ApiReply) -> Option<Duration> {
    let text = reply.headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
