//! Reports shipments. A purchase order ships by the calls for trades, with the supplier's session and its own number in
//! the place of the trade's, and it ships whole: whether its parts may leave one by one is not confirmed.

use super::super::wire::object;
use super::Fenxiao;
use super::orders::{one, only};
use super::wire::{PART, Part, PurchaseOrder, items};
use crate::contract::model::{OrderId, Shipped, Waybill};
use crate::contract::{Error, ErrorKind, Result, Session, WaybillSink};
use async_trait::async_trait;

#[async_trait]
impl WaybillSink for Fenxiao {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        if !waybill.action.is_ship() {
            let text = "only parcels that leave are told to this channel";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        if !waybill.lines.is_empty() {
            check_whole(session, waybill).await?;
        }
        let whole = Waybill { lines: Vec::new(), ..waybill.clone() };
        self.top.ship(session, &whole).await
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        self.top.shipped(session, order).await
    }
}

/// Refuses a parcel that does not hold every unit of the order.
async fn check_whole(session: &Session<'_>, waybill: &Waybill) -> Result<()> {
    let answer = session.api.call(one(&waybill.order_id)).await?;
    let order: PurchaseOrder<'_> = object(only(&answer.body)?)?;
    let mut known = Vec::new();
    for raw in items(order.sub_purchase_orders, &PART)? {
        known.push(object::<Part<'_>>(raw)?);
    }
    let strange = waybill
        .lines
        .iter()
        .position(|line| !known.iter().any(|part| part.fenxiao_id.0 == line.line_id));
    if let Some(index) = strange {
        let error = Error::new(ErrorKind::Rejected, "the order has no such line");
        return Err(error.at(format!("lines[{index}].line_id")));
    }
    let holds = |part: &Part<'_>| {
        let of = waybill.lines.iter().filter(|line| line.line_id == part.fenxiao_id.0);
        of.map(|line| i64::from(line.quantity)).sum::<i64>() == part.num.0
    };
    if known.iter().all(holds) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Rejected, "a purchase order ships whole, in one parcel").at("lines"))
}
