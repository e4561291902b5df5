//! Lists and reads purchase orders. One API does both, and gives whole orders: nothing is read a second time.
//!
//! A window is of the time of change (`update_time_type`), at most seven days, and its ends have the names of the other
//! kind. There is no `has_next`; pages are counted by `total_results`.

use super::super::envelope::inside;
use super::super::orders::{HORIZON, another, ends, missing, notices, suspect};
use super::super::scalars::{Id, Whole};
use super::super::wire::{Raw, object, reply};
use super::wire::{ORDER, Orders, Read, items};
use super::{Fenxiao, PAGE_SIZE, WEEK, normalize};
use crate::contract::model::{Order, OrderId};
use crate::contract::{
    ApiRequest, Error, ErrorKind, Event, Notice, OrderSource, Page, PollSpec, Result, Session,
    Window,
};
use async_trait::async_trait;
use serde::Deserialize;

pub(in crate::taobao) const LIST: &str = "taobao.fenxiao.orders.get";
/// Every kind of purchase order. Left out, the channel lists only the first of them.
const TYPES: &str = "1,2,5,6";

#[async_trait]
impl OrderSource for Fenxiao {
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: WEEK, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let answer = session.api.call(list(window, 1, 1)).await?;
        let orders: Orders<'_> = reply(&answer.body)?;
        total(orders.total_results)
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let answer = session.api.call(list(window, page, PAGE_SIZE)).await?;
        let raws = in_list(&answer.body)?;
        Ok(notices(session.shop, raws.into_iter().map(|raw| event(raw, || id_of(raw)))))
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let answer = session.api.call(one(id)).await?;
        let event = match quick(&answer.body) {
            Some(order) => Event::Order(Box::new(order)),
            None => event(only(&answer.body)?, || Some(id.to_string())),
        };
        if let Event::Order(order) = &event
            && order.order_id != *id
        {
            return Err(another());
        }
        Ok(Notice { shop: session.shop.clone(), event })
    }
}

/// The call that reads one purchase order.
pub(super) fn one(id: &OrderId) -> ApiRequest {
    ApiRequest::post(LIST).idempotent().param("purchase_order_id", id.as_str())
}

/// The only order of an answer.
pub(super) fn only(body: &[u8]) -> Result<Raw<'_>> {
    let missing = || Error::new(ErrorKind::Rejected, "channel has no such purchase order");
    in_list(body)?.into_iter().next().ok_or_else(missing)
}

/// The same, normalized, in one reading. None where it cannot be: then it is read again, for what is wrong with it.
pub(super) fn quick(body: &[u8]) -> Option<Order> {
    let Read { purchase_orders } = inside(body)?;
    let order = normalize::purchase_order(purchase_orders.0.into_iter().next()?).ok()?;
    order.check().is_ok().then_some(order)
}

/// The count of a list.
pub(super) fn total(said: Option<Whole>) -> Result<u64> {
    let count = said.ok_or_else(|| missing("total_results"))?.0;
    u64::try_from(count).map_err(|_| Error::malformed("expected a count").at("total_results"))
}

fn in_list(body: &[u8]) -> Result<Vec<Raw<'_>>> {
    let orders: Orders<'_> = reply(body)?;
    items(orders.purchase_orders, &ORDER).map_err(|error| error.within("purchase_orders"))
}

fn list(window: Window, page: u32, size: u32) -> ApiRequest {
    let (from, to) = ends(window);
    ApiRequest::post(LIST)
        .idempotent()
        .param("time_type", "update_time_type")
        .param("trade_types", TYPES)
        .param("start_created", from)
        .param("end_created", to)
        .param("page_no", page.to_string())
        .param("page_size", size.to_string())
}

fn event(raw: Raw<'_>, id: impl FnOnce() -> Option<String>) -> Event {
    let read = normalize::order(raw).and_then(|order| order.check().map(|()| order));
    match read {
        Ok(order) => Event::Order(Box::new(order)),
        Err(error) => suspect(error, id(), raw),
    }
}

fn id_of(raw: Raw<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        fenxiao_id: Id<'a>,
    }
    object::<Named<'_>>(raw).map(|named| named.fenxiao_id.0.to_owned()).ok()
}
