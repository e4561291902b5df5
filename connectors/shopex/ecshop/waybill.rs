//! Reports shipments, and reads them back: the shop answers success to a parcel that holds nothing of the order.
//!
//! An order that leaves in one parcel is told by `fy.logistics.offline.send`, which needs no SKUs. A parcel of some lines is
//! told by `create_ome_delivery`, with a number of its own that the same parcel always has, so that the shop itself
//! refuses it the second time.

use super::super::fields::Fields;
use super::super::normalize;
use super::super::parcel::{self, Contents, Item};
use super::answers::{DELIVERY_EXISTS, SHIPPED};
use super::orders::{detail, trade};
use super::{Ecshop, request};
use crate::contract::model::{OrderId, Shipped, Waybill};
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, WaybillSink};
use async_trait::async_trait;

pub(super) const WHOLE: &str = "fy.logistics.offline.send";
pub(super) const PART: &str = "create_ome_delivery";
pub(super) const STATUS: &str = "update_order_status";
/// The shop's own number for "shipped in part".
const IN_PART: &str = "6";

#[async_trait]
impl WaybillSink for Ecshop {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        parcel::check(waybill)?;
        let company = self.0.carriers.word(&waybill.carrier, |carrier| Some(carrier.name))?;
        let before = State::read(session, &waybill.order_id).await?;
        if before.has(&waybill.number) {
            return if before.is_sent() {
                before.reopen(session, waybill).await
            } else {
                Err(holds_nothing())
            };
        }
        let contents = Contents::of(&before.items, &waybill.lines)?;
        if !contents.is_open {
            return Err(with_another_number());
        }
        let is_whole = contents.holds_all(&before.items) && !before.is_sent();
        let call = if is_whole {
            whole(waybill, company)
        } else {
            part(session, waybill, company, &contents)
        };
        let told = session.api.call(call).await;
        let refused = match told {
            Ok(_) => None,
            Err(error) if matches!(error.channel_code(), Some(SHIPPED | DELIVERY_EXISTS)) => {
                Some(error)
            }
            Err(error) => return Err(error),
        };
        let after = State::read(session, &waybill.order_id).await?;
        match (after.has(&waybill.number), refused) {
            (true, _) if is_whole => Ok(()),
            (true, _) if after.sent() > before.sent() => after.reopen(session, waybill).await,
            (true, _) => Err(holds_nothing()),
            (false, Some(_)) => Err(with_another_number()),
            (false, None) => {
                let text = "the shop answered success and does not show the number";
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        }
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let reply = session.api.call(detail(order)).await?;
        let fields = Fields::from_json(trade(&reply.body)?.get().as_bytes())?;
        let shipments = normalize::shipments(&fields).into_iter();
        let shipped = shipments.map(|shipment| Shipped {
            // The shop shows how an order was to be sent, never by whom it was.
            carrier: String::new(),
            number: shipment.number,
            at: None,
        });
        Ok(shipped.collect())
    }

    fn in_steps(&self) -> bool {
        true
    }
}

fn whole(waybill: &Waybill, company: &str) -> ApiRequest {
    request(WHOLE)
        .param("tid", waybill.order_id.as_str())
        .param("logistics_no", waybill.number.as_str())
        .param("company_name", company)
}

fn part(
    session: &Session<'_>,
    waybill: &Waybill,
    company: &str,
    contents: &Contents<'_>,
) -> ApiRequest {
    request(PART)
        .param("order_id", waybill.order_id.as_str())
        .param("type", "delivery")
        .param("delivery_id", parcel::delivery_number(session, waybill))
        .param("logi_no", waybill.number.as_str())
        .param("logi_name", company)
        .param("logi_id", waybill.carrier.to_ascii_lowercase())
        .param("money", "0")
        .param("delivery_item", contents.as_delivery(false))
}

/// How far an order is shipped.
struct State {
    items: Vec<Item>,
    numbers: Vec<String>,
    is_finished: bool,
}

impl State {
    async fn read(session: &Session<'_>, order: &OrderId) -> Result<Self> {
        let reply = session.api.call(detail(order)).await?;
        let fields = Fields::from_json(trade(&reply.body)?.get().as_bytes())?;
        let shipments = normalize::shipments(&fields).into_iter();
        Ok(Self {
            items: parcel::items(&fields)?,
            numbers: shipments.map(|shipment| shipment.number).collect(),
            is_finished: fields.text("ship_status") == Some("SHIP_FINISH"),
        })
    }

    /// The shop takes an order for shipped whole once every line that a parcel names is, whatever the parcel does not
    /// name; then it would refuse the parcels to come. So it is told that the order is shipped in part.
    async fn reopen(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        let is_open = self.items.iter().any(|item| item.sent < item.ordered);
        if waybill.lines.is_empty() || !self.is_finished || !is_open {
            return Ok(());
        }
        let request = request(STATUS)
            .idempotent()
            .param("order_id", waybill.order_id.as_str())
            .param("type", "ship_status")
            .param("status", IN_PART);
        session.api.call(request).await.map(drop)
    }

    fn has(&self, number: &str) -> bool {
        self.numbers.iter().any(|known| known == number)
    }

    fn sent(&self) -> u64 {
        self.items.iter().map(|item| u64::from(item.sent)).sum()
    }

    fn is_sent(&self) -> bool {
        self.sent() > 0
    }
}

fn holds_nothing() -> Error {
    Error::new(ErrorKind::Rejected, "the shop took the number and shipped nothing")
}

fn with_another_number() -> Error {
    let text = "nothing of this is left to ship, and it was not shipped with this number";
    Error::new(ErrorKind::Conflict, text)
}
