//! Reports shipments, and reads them back: the shop answers success to a parcel that holds nothing of the order.
//!
//! An order that leaves in one parcel is told by `fy.logistics.offline.send`, which needs no SKUs. A parcel of some lines is
//! told by `create_ome_delivery`, with a number of its own that the same parcel always has, so that the shop itself
//! refuses it the second time. The first of the two counts the units before it looks whether the shop has them, so its
//! refusal may come when half of the work is done.

use super::super::fields::Fields;
use super::super::normalize;
use super::super::parcel::{self, Contents};
use super::answers::{DELIVERY_EXISTS, SHIPPED, STOPPED};
use super::orders::{detail, trade};
use super::state::State;
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
        let lines = before.goods_of(&waybill.lines)?;
        let contents = Contents::of(&before.items, &lines)?;
        if before.has(&waybill.number) {
            // Told before. By which call is not known: one names units, the other ships what there is.
            let is_told = if lines.is_empty() {
                before.counts_some(&contents)
            } else {
                before.counts(None, &contents)
            };
            return if is_told {
                reopen(&before, session, waybill).await
            } else {
                Err(uncounted())
            };
        }
        let holds_all = contents.holds_all(&before.items);
        let goes_past = holds_all && before.is_stalled();
        if !contents.is_open && !goes_past {
            return Err(if before.is_stalled() { stalled() } else { with_another_number() });
        }
        let is_whole = goes_past || (holds_all && !before.is_sent());
        let call = if is_whole {
            whole(waybill, company)
        } else {
            part(session, waybill, company, &before, &contents)
        };
        let told = session.api.call(call).await;
        let refused = match told {
            Ok(_) => None,
            Err(error) => match error.channel_code() {
                Some(SHIPPED | DELIVERY_EXISTS | STOPPED) => Some(error),
                _ => return Err(error),
            },
        };
        let after = State::read(session, &waybill.order_id).await?;
        if !after.has(&waybill.number) {
            return Err(not_shown(refused));
        }
        if is_whole {
            return if after.counts_some(&contents) { Ok(()) } else { Err(uncounted()) };
        }
        if !after.counts(Some(&before), &contents) {
            return Err(uncounted());
        }
        reopen(&after, session, waybill).await
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let reply = session.api.call(detail(order)).await?;
        let fields = Fields::from_json(trade(&reply.body)?.get().as_bytes())?;
        let shipments = normalize::shipments(&fields).into_iter();
        let shipped = shipments.map(|shipment| Shipped {
            // The shop shows how an order was to be sent, never by whom it was.
            carrier: String::new(),
            number: shipment.number.into(),
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
    before: &State,
    contents: &Contents<'_>,
) -> ApiRequest {
    let mut request = request(PART)
        .param("order_id", waybill.order_id.as_str())
        .param("type", "delivery")
        .param("delivery_id", parcel::delivery_number(session, waybill))
        .param("logi_no", waybill.number.as_str())
        .param("logi_name", company)
        .param("logi_id", waybill.carrier.to_ascii_lowercase())
        .param("money", "0")
        .param("delivery_item", contents.as_delivery(false));
    // The shop writes the delivery to whom the call says, and to nobody where it does not say.
    for (name, text) in ["ship_name", "ship_addr"].into_iter().zip(&before.to) {
        if let Some(text) = text {
            request = request.param(name, text.as_str());
        }
    }
    request
}

/// The shop takes an order for shipped whole once every line that a parcel names is, whatever the parcel does not name;
/// then it would refuse the parcels to come. So it is told that the order is shipped in part.
async fn reopen(state: &State, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
    if waybill.lines.is_empty() || !state.is_finished || !state.is_open() {
        return Ok(());
    }
    let request = request(STATUS)
        .idempotent()
        .param("order_id", waybill.order_id.as_str())
        .param("type", "ship_status")
        .param("status", IN_PART);
    session.api.call(request).await.map(drop)
}

/// What it means that the order does not show the number after the call.
fn not_shown(refused: Option<Error>) -> Error {
    let Some(error) = refused else {
        let text = "the shop answered success and does not show the number";
        return Error::new(ErrorKind::Unavailable, text);
    };
    match error.channel_code() {
        Some(STOPPED) => error,
        Some(DELIVERY_EXISTS) => {
            let text = "the shop has the parcel in its books and does not show the number";
            Error::new(ErrorKind::Conflict, text)
        }
        _ => with_another_number(),
    }
}

fn uncounted() -> Error {
    let text = "the shop took the number and does not count all of the parcel as sent";
    Error::new(ErrorKind::Rejected, text)
}

fn stalled() -> Error {
    let text = "the shop counts the units for a delivery that was never sent; it takes the order whole only";
    Error::new(ErrorKind::Conflict, text)
}

fn with_another_number() -> Error {
    let text = "nothing of this is left to ship, and it was not shipped with this number";
    Error::new(ErrorKind::Conflict, text)
}
