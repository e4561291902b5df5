//! What a fake channel can do, in one shape for demo, load test and integration tests.

use super::FakeStream;
use crate::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A shop of a fake channel, and what signs its calls.
#[derive(Debug, Clone)]
pub struct FakeShop {
    /// The shop.
    pub shop: ShopId,
    /// Application key, where the channel has such a thing.
    pub app_key: String,
    /// Secret that signs: of the application or of the shop.
    pub secret: String,
    /// Token of the shop, where the channel has such a thing.
    pub token: String,
}

/// A webhook that the fake wants to send, already signed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Shop it is for.
    pub shop: ShopId,
    /// Path and query at the gateway.
    pub path: String,
    /// Headers with the signature.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Faults that a fake commits when told to. All off by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Every n-th call does its work and then answers as if the channel had timed out. 0 is never.
    pub lost_answer_every: u32,
    /// Every n-th call is refused for exceeding a limit. 0 is never.
    pub throttle_every: u32,
    /// Tokens are refused as expired until renewed.
    pub expired_tokens: bool,
}

/// A strict fake of a channel: accounts, orders, stock, shipments, limits and the channel's own errors.
pub trait Fake: Send + Sync + Debug {
    /// Channel name as in the registry.
    fn channel(&self) -> &'static str;

    /// Answers one HTTP call of a client.
    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes>;

    /// A buyer places and pays an order; `seed` decides what is in it. Returns its id.
    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId;

    /// Somebody changes an order: the memo, the address, the status.
    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp);

    /// The buyer asks for money back.
    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId;

    /// Webhooks to send since the last call, signed at `now`. Empty for a channel that is only polled.
    fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery>;

    /// The channel's message stream, where it has one.
    fn stream(&self) -> Option<&dyn FakeStream> {
        None
    }

    /// The seller withdraws the authorization: calls for the shop are refused, and the channel says so where it has a way.
    fn withdraw(&self, _shop: &ShopId, _now: Timestamp) {}

    /// The same delivery for another attempt, signed anew where the channel signs the time of an attempt.
    fn sign_again(&self, delivery: &Delivery, _now: Timestamp) -> Delivery {
        delivery.clone()
    }

    /// Whether an answer to a delivery settles it. Channels that read the body and not the status say so here.
    fn is_settled(&self, answer: &Response<Bytes>) -> bool {
        answer.status().is_success()
    }

    /// All orders of a shop with their modification times.
    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp>;

    /// All refunds of a shop with their modification times.
    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp>;

    /// Stock at the channel now, by SKU id.
    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32>;

    /// Shipments reported to the channel: order, then carrier and number of each.
    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>>;

    /// Calls answered, by API name: to hold a limit against.
    fn calls(&self) -> BTreeMap<String, u64>;

    /// Reads the body that carries an order, as this fake sends it, with `serde_json` into typed structs of borrowed values,
    /// and makes nothing of them: what a connector's reading is measured against. `false` for a body that is not such JSON.
    fn parse(&self, _body: &[u8]) -> bool {
        false
    }

    /// Sets the faults.
    fn set_faults(&self, faults: Faults);
}
