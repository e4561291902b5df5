//! The matrix hub, called as an ERP calls it: `store.*`, at `/sync` or `/async` of the hub.

mod orders;
mod stock;
mod waybill;

pub(super) use orders::{FULLINFO, SOLD};
pub(super) use stock::STOCK;
pub(super) use waybill::{ADD, OFFLINE, STATUS, shipped};

use super::{HubPath, Setup, answers};
use crate::contract::{
    ApiReply, ApiRequest, Auth, Connector, OrderSource, Result, StockSink, WaybillSink,
    WebhookSource,
};

/// One shop behind the hub.
#[derive(Debug)]
pub(super) struct Hub(pub(super) Setup);

impl Hub {
    /// A call that reads: there is nobody to hear a later answer.
    fn reads(api: &'static str) -> ApiRequest {
        let mut request = ApiRequest::post(api).idempotent();
        request.path.push_str("/sync");
        request
    }

    /// A call that writes, as the settings want it.
    fn writes(&self, api: &'static str) -> ApiRequest {
        let mut request = ApiRequest::post(api).idempotent();
        match self.0.hub_path {
            HubPath::Sync => request.path.push_str("/sync"),
            HubPath::Async => {
                request.path.push_str("/async");
                if let Some(url) = &self.0.callback_url {
                    request = request.param("callback_url", url.as_str());
                }
            }
        }
        request
    }
}

impl Connector for Hub {
    fn auth(&self) -> &dyn Auth {
        &self.0
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        answers::classify(reply)
    }

    fn webhooks(&self) -> Option<&dyn WebhookSource> {
        Some(&self.0)
    }

    fn orders(&self) -> Option<&dyn OrderSource> {
        Some(self)
    }

    fn stock(&self) -> Option<&dyn StockSink> {
        Some(self)
    }

    fn waybills(&self) -> Option<&dyn WaybillSink> {
        Some(self)
    }
}
