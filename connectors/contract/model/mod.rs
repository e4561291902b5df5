//! The canonical model: one shape for every channel.
//!
//! Ids are strings, money is integer minor units, times carry their offset, and a status nobody has seen before is
//! `unknown` beside the channel's own word. What no field here can hold goes to `extensions`, so nothing is thrown away.

mod ids;
mod money;
mod order;
mod personal;
mod refund;
mod settlement;
mod shipment;
mod stock;
mod time;
mod time_text;
mod waybill;

/// Text of an event, as a channel gave it: what is short, as nearly all of it is, lies in it and is not allocated.
pub type Text = smol_str::SmolStr;

pub use ids::{OrderId, RefundId, ShopId};
pub use money::Minor;
pub use order::{
    Amounts, Buyer, Distribution, Extensions, Fee, Hold, Invoice, Line, LineStatus, Order,
    OrderStatus, OrderType, Payer, Payment, Promotion, RefundStatus, Seller, Shipment, Shipping,
    Times,
};
pub use personal::{Personal, PersonalForm, ShipTo};
pub use refund::{Refund, RefundKind, RefundPhase};
pub use settlement::Settlement;
pub use shipment::{ShipmentReport, ShipmentStatus, Trace};
pub use stock::{ObservationSource, StockLevel, StockObservation};
pub use time::Timestamp;
pub use waybill::{Shipped, Waybill, WaybillAction, WaybillLine};
