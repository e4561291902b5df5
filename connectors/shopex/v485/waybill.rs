//! Reports shipments: a delivery is created, and then declared done, which is what ships.
//!
//! The shop refuses a delivery whose number it has, and that number is made from order and tracking number: "already
//! there" is our own. It does not tell with which number an order was shipped, only whether it has that delivery.
//!
//! `update_ome_logi_inf` gives a delivery another carrier or number. It wants the delivery's number, which is made from
//! the tracking number to be replaced, and a waybill does not say that one: replacing is refused.

use super::super::answers::{self, Answer, DELIVERY_EXISTS, NO_DELIVERY};
use super::super::fields::Fields;
use super::super::parcel::{self, Contents};
use super::orders::{detail, record};
use super::{Shopex485, normalize, request};
use crate::contract::model::{OrderId, Shipped, Waybill};
use crate::contract::{Error, ErrorKind, Result, Session, WaybillSink};
use async_trait::async_trait;

pub(in super::super) const CREATE: &str = "create_ome_delivery";
pub(in super::super) const UPDATE: &str = "update_ome_delivery_status";

#[async_trait]
impl WaybillSink for Shopex485 {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        parcel::check(waybill)?;
        let company = self.0.carriers.word(&waybill.carrier, |carrier| Some(carrier.name))?;
        let body = session.api.call(detail(&waybill.order_id)).await?.body;
        let order = Fields::from_json(record(&body)?.get().as_bytes())?;
        let items = normalize::items(&order)?;
        let contents = Contents::of(&items, &waybill.lines)?;
        let number = parcel::delivery_number(session, waybill);
        if contents.is_open {
            let text = |name| order.text(name).unwrap_or_default();
            let create = request(CREATE)
                .param("order_id", waybill.order_id.as_str())
                .param("delivery_id", number.as_str())
                .param("type", "delivery")
                .param("logi_name", company)
                .param("logi_no", waybill.number.as_str())
                .param("ship_name", text("ship_name"))
                .param("ship_area", text("ship_area"))
                .param("ship_addr", text("ship_addr"))
                .param("ship_zip", text("ship_zip"))
                .param("ship_tel", text("ship_tel"))
                .param("ship_mobile", text("ship_mobile"))
                .param("money", text("cost_freight"))
                .param("t_begin", (session.now.unix_ms() / 1000).to_string())
                .param("status", "progress")
                .param("delivery_item", contents.as_delivery(true));
            match session.api.call(create).await {
                Err(error) if error.channel_code() == Some(DELIVERY_EXISTS) => {}
                created => is_done(&created?.body)?,
            }
        }
        let update = request(UPDATE)
            .param("order_id", waybill.order_id.as_str())
            .param("delivery_id", number)
            .param("ship_status", "succ");
        match session.api.call(update).await {
            Err(error) if error.channel_code() == Some(NO_DELIVERY) && !contents.is_open => {
                let text =
                    "nothing of this is left to ship, and it was not shipped with this number";
                Err(Error::new(ErrorKind::Conflict, text).code(NO_DELIVERY))
            }
            updated => is_done(&updated?.body),
        }
    }

    /// Empty: the shop tells of no order with which number it was shipped. [`WaybillSink::ship`] finds out by itself.
    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let body = session.api.call(detail(order)).await?.body;
        record(&body)?;
        Ok(Vec::new())
    }

    fn in_steps(&self) -> bool {
        true
    }
}

fn is_done(body: &[u8]) -> Result<()> {
    match answers::answer(body)? {
        Answer::Data(_) | Answer::Nothing => Ok(()),
        Answer::Partly(_) => Err(answers::partly()),
        Answer::Running | Answer::TaskUsed => {
            Err(Error::new(ErrorKind::Unavailable, "channel does not say whether it is done"))
        }
    }
}
