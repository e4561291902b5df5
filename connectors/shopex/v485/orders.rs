//! Lists and reads orders.
//!
//! The window is in seconds since 1970, its end left out. Pages have no order, so a page read twice may hold others; the
//! gateway counts before and after, and reads windows that overlap. Of the two pairs of page parameters only one may be
//! sent: the shop combines both bit by bit.

use super::super::fields::Fields;
use super::super::normalize::required;
use super::super::wire::{self, Orders, Raw, id_of, suspect};
use super::super::{answers, ecstore};
use super::{Shopex485, normalize, request};
use crate::contract::model::OrderId;
use crate::contract::{
    ApiRequest, Error, Event, Notice, OrderSource, Page, PollSpec, Result, Session, Window,
};
use async_trait::async_trait;

pub(in super::super) const LIST: &str = "search_order_list";
pub(in super::super) const DETAIL: &str = "search_order_detail";
const COLUMNS: &str = "order_id|last_change_time";

#[async_trait]
impl OrderSource for Shopex485 {
    fn spec(&self) -> PollSpec {
        PollSpec {
            longest_window: ecstore::LONGEST_WINDOW,
            page_size: ecstore::PAGE_SIZE,
            horizon: ecstore::HORIZON,
        }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let reply = session.api.call(list(window, 1, 1)).await?;
        let orders: Orders<'_> = wire::object(answers::data(&reply.body)?)?;
        wire::count(orders.counts, "counts")
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let reply = session.api.call(list(window, page, ecstore::PAGE_SIZE)).await?;
        let orders: Orders<'_> = wire::object(answers::data(&reply.body)?)?;
        let mut page = Page::default();
        for raw in wire::records(orders.data_info, "data_info")? {
            let event = changed(raw).unwrap_or_else(|error| {
                suspect(error, id_of(raw, "order_id"), raw.get().as_bytes())
            });
            page.notices.push(Notice { shop: session.shop.clone(), event });
        }
        Ok(page)
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let body = session.api.call(detail(id)).await?.body;
        let raw = record(&body)?;
        let bytes = raw.get().as_bytes();
        let read = Fields::from_json(bytes).and_then(|record| normalize::order(&record));
        let read = read.and_then(|order| order.check().map(|()| order));
        let event = match read {
            Ok(order) if order.order_id != *id => {
                return Err(Error::malformed("channel answered about another record"));
            }
            Ok(order) => Event::Order(Box::new(order)),
            Err(error) => suspect(error, Some(id.to_string()), bytes),
        };
        Ok(Notice { shop: session.shop.clone(), event })
    }
}

/// The call that reads one order.
pub(super) fn detail(id: &OrderId) -> ApiRequest {
    request(DETAIL).param("order_id", id.as_str())
}

/// The record of an answer about one order: the answer itself, or the only one of a list.
pub(super) fn record(body: &[u8]) -> Result<Raw<'_>> {
    let data = answers::data(body)?;
    let orders: Result<Orders<'_>> = wire::object(data);
    let Ok(Orders { data_info: Some(list), .. }) = orders else { return Ok(data) };
    let records = wire::records(Some(list), "data_info")?;
    records.into_iter().next().ok_or_else(|| {
        Error::new(crate::contract::ErrorKind::Rejected, "channel has no such record")
    })
}

fn list(window: Window, page: u32, size: u32) -> ApiRequest {
    let second = |unix_ms: i64| unix_ms.div_euclid(1000);
    request(LIST)
        .param("last_modify_st_time", second(window.from.unix_ms()).to_string())
        .param("last_modify_en_time", (second(window.to.unix_ms()) + 1).to_string())
        .param("columns", COLUMNS)
        .param("pages", page.to_string())
        .param("counts", size.to_string())
}

fn changed(raw: Raw<'_>) -> Result<Event> {
    let record = Fields::from_json(raw.get().as_bytes())?;
    let modified = required(&record, "last_change_time")?;
    Ok(Event::OrderChanged { id: record.order_id("order_id")?, modified: Some(modified) })
}
