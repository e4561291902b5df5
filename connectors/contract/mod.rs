//! What the gateway and a connector promise each other.
//!
//! The gateway owns sockets, Kafka, Redis, time and retries. A connector owns meaning: how the channel signs, what its
//! answers say, how its orders map to the canonical model. The inbound half ([`WebhookSource`]) is synchronous and pure;
//! the outbound half talks only through [`ChannelApi::call`], so quota, signature, retry and metrics live in one place.

mod api;
pub mod carriers;
mod connector;
mod error;
mod event;
pub mod explain;
pub mod mistakes;
pub mod model;
pub(crate) mod names;
pub(crate) mod parts;
mod reading;
mod secret;
pub mod sign;
mod stream;
pub(crate) mod tape;
mod webhook;
mod with_rest;

pub use api::{ApiReply, ApiRequest, Auth, ChannelApi, Credentials, Session, SignedRequest, Token};
pub use connector::{
    Capability, Connector, Entry, OpenOrders, OrderSource, Page, PollSpec, QuotaSpec, RefundSource,
    ShopSetup, StockReader, StockSink, WaybillSink, Window, classify_status,
};
pub use error::{Error, ErrorKind, Result, parse_json, parse_json_text};
pub use event::{Event, EventId, Notice, Suspect};
pub use explain::{Digest, Explanation, Mistake, SignedParts};
pub use reading::Reading;
pub use secret::{Sealed, Secret};
pub use stream::{
    Frame, Opening, StreamItem, StreamMessage, StreamPace, StreamSession, StreamSource,
};
pub use webhook::{Key, Outcome, RawWebhook, Verified, WebhookReply, WebhookSource};
pub use with_rest::{Rest, WithRest};
