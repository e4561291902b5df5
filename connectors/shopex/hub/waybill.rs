//! Reports shipments through the hub.
//!
//! A shipping is added and then declared done, or the order is shipped whole in one call, as the settings say. "Shipped
//! already" counts as done unless the trade names other numbers only. Asked to answer later, the hub says `running`:
//! then, and after every "already", the trade is read back.

use super::super::answers::{self, Answer, DONE};
use super::super::auth::TASK;
use super::super::fields::Fields;
use super::super::parcel::{self, Contents, Item};
use super::super::{HubShipping, normalize};
use super::orders::trade_of;
use super::{FULLINFO, Hub};
use crate::contract::carriers::{self, Carriers};
use crate::contract::model::{OrderId, Shipped, Waybill};
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, WaybillSink};
use async_trait::async_trait;

pub(in super::super) const ADD: &str = "store.trade.shipping.add";
pub(in super::super) const STATUS: &str = "store.trade.shipping.status.update";
pub(in super::super) const OFFLINE: &str = "store.logistics.offline.send";

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    True,
    /// It was so before.
    Before,
    /// It is being worked on.
    Running,
}

#[async_trait]
impl WaybillSink for Hub {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        parcel::check(waybill)?;
        let company = self.0.carriers.word(&waybill.carrier, |carrier| Some(carrier.name))?;
        let came = match self.0.hub_shipping {
            HubShipping::Shipping => self.by_shipping(session, waybill, company).await?,
            HubShipping::Offline => self.offline(session, waybill, company).await?,
        };
        if came == Came::True {
            return Ok(());
        }
        let known = self.shipped(session, &waybill.order_id).await?;
        let is_ours = known.iter().any(|shipped| shipped.number == waybill.number);
        match came {
            Came::True => Ok(()),
            Came::Before | Came::Running if is_ours => Ok(()),
            // Not every shop tells its numbers; the hub's word is then all there is.
            Came::Before if known.is_empty() => Ok(()),
            Came::Before => Err(with_another_number()),
            Came::Running => {
                let text = "the hub has not shipped the order yet";
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        }
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let body = session.api.call(fullinfo(order)).await?.body;
        let trade = trade_of(answers::data(&body)?)?;
        Ok(shipped(&self.0.carriers, &Fields::from_json(trade.get().as_bytes())?))
    }

    fn in_steps(&self) -> bool {
        self.0.hub_shipping == HubShipping::Shipping
    }
}

impl Hub {
    async fn by_shipping(
        &self,
        session: &Session<'_>,
        waybill: &Waybill,
        company: &str,
    ) -> Result<Came> {
        let body = session.api.call(fullinfo(&waybill.order_id)).await?.body;
        let trade = trade_of(answers::data(&body)?)?;
        let trade = Fields::from_json(trade.get().as_bytes())?;
        let items: Vec<Item> = parcel::items(&trade)?;
        let contents = Contents::of(&items, &waybill.lines)?;
        let number = parcel::delivery_number(session, waybill);
        let status = self
            .writes(STATUS)
            .param("tid", waybill.order_id.as_str())
            .param("shipping_id", number.as_str())
            .param("status", "SUCC");
        if !contents.is_open {
            let known = shipped(&self.0.carriers, &trade);
            if known.iter().any(|shipped| shipped.number == waybill.number) {
                return Ok(Came::True);
            }
            if !known.is_empty() {
                return Err(with_another_number());
            }
            // Whether the hub knows our shipping is the only way left to tell whose it was.
            return ask(session, status).await;
        }
        let code = carriers::find(&waybill.carrier).and_then(|carrier| carrier.company);
        let text = |name| trade.text(name).unwrap_or_default();
        let add = self
            .writes(ADD)
            .param("tid", waybill.order_id.as_str())
            .param("shipping_id", number.as_str())
            .param("shipping_type", text("shipping_type"))
            .param("ship_type", "delivery")
            .param("is_cod", text("is_cod"))
            .param("is_protect", text("is_protect"))
            .param("logistics_company", company)
            .param("logistics_code", code.unwrap_or(&waybill.carrier))
            .param("logistics_no", waybill.number.as_str())
            .param("shipping_items", contents.as_shipping())
            .param("t_begin", (session.now.unix_ms() / 1000).to_string())
            .param("status", "PROGRESS")
            .param("receiver_name", text("receiver_name"))
            .param("receiver_state", text("receiver_state"))
            .param("receiver_city", text("receiver_city"))
            .param("receiver_district", text("receiver_district"))
            .param("receiver_address", text("receiver_address"))
            .param("receiver_zip", text("receiver_zip"))
            .param("receiver_phone", text("receiver_phone"))
            .param("receiver_mobile", text("receiver_mobile"))
            .param(TASK, parcel::task(session, waybill, "add"));
        // What an earlier try has added is added; the status call has the last word.
        ask(session, add).await?;
        ask(session, status.param(TASK, parcel::task(session, waybill, "status"))).await
    }

    async fn offline(
        &self,
        session: &Session<'_>,
        waybill: &Waybill,
        company: &str,
    ) -> Result<Came> {
        if !waybill.lines.is_empty() {
            let text = "this call ships whole orders only; see `settings.hub_shipping`";
            return Err(Error::new(ErrorKind::Unsupported, text).at("lines"));
        }
        let code = carriers::find(&waybill.carrier).and_then(|carrier| carrier.company);
        let send = self
            .writes(OFFLINE)
            .param("tid", waybill.order_id.as_str())
            .param("company_code", code.unwrap_or(&waybill.carrier))
            .param("company_name", company)
            .param("logistics_no", waybill.number.as_str())
            .param(TASK, parcel::task(session, waybill, "offline"));
        ask(session, send).await
    }
}

fn fullinfo(order: &OrderId) -> ApiRequest {
    Hub::reads(FULLINFO).param("tid", order.as_str())
}

async fn ask(session: &Session<'_>, request: ApiRequest) -> Result<Came> {
    let reply = match session.api.call(request).await {
        Ok(reply) => reply,
        Err(error) => {
            let code = error.channel_code().unwrap_or_default();
            let is_before = DONE.contains(&code) || code == answers::DELIVERY_EXISTS;
            return if is_before { Ok(Came::Before) } else { Err(error) };
        }
    };
    Ok(match answers::answer(&reply.body)? {
        Answer::Data(_) | Answer::Nothing => Came::True,
        Answer::Running | Answer::TaskUsed => Came::Running,
        Answer::Partly(_) => return Err(answers::partly()),
    })
}

fn with_another_number() -> Error {
    let text = "order is shipped already, with another number";
    Error::new(ErrorKind::Conflict, text)
}

/// The parcels that a trade names; shops of some kinds name none.
pub(in super::super) fn shipped(carriers: &Carriers, trade: &Fields<'_>) -> Vec<Shipped> {
    let shipments = normalize::shipments(trade).into_iter();
    let shipped = shipments.map(|shipment| Shipped {
        carrier: carriers.canonical(&shipment.carrier).to_owned(),
        number: shipment.number.into(),
        at: shipment.at,
    });
    shipped.collect()
}
