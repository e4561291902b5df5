//! Lists and reads orders.
//!
//! The window is half open, to the second, of the time an order changed. The list gives whole orders, so none is read a
//! second time. Orders of one second have no order among themselves and may change places between pages; the gateway
//! counts before and after and reads windows that overlap. The list's own filter by status fails and is not used.

use super::super::ecstore::{HORIZON, LONGEST_WINDOW};
use super::super::fields::Fields;
use super::super::wire::{self, Raw, Trades, id_of, suspect};
use super::super::{ecstore, normalize};
use super::{Ecshop, answers, request};
use crate::contract::model::OrderId;
use crate::contract::{
    ApiReply, ApiRequest, Error, ErrorKind, Event, Notice, OrderSource, Page, PollSpec, Result,
    Session, Window,
};
use async_trait::async_trait;
use serde::Deserialize;
use std::time::Duration;

pub(super) const LIST: &str = "ome:fetch_order_list";
pub(super) const DETAIL: &str = "ome:fetch_order_detail";
/// No most is documented. Orders are whole on a page, so it is kept short.
const PAGE_SIZE: u32 = 50;

/// What the shop says of one order.
#[derive(Deserialize)]
struct One<'a> {
    #[serde(borrow)]
    trade: Option<Raw<'a>>,
}

#[async_trait]
impl OrderSource for Ecshop {
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: LONGEST_WINDOW, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let reply = session.api.call(list(window, 1, 1)).await?;
        let Some(info) = answers::info(&reply.body)? else { return Ok(0) };
        let trades: Trades<'_> = wire::object(info)?;
        wire::count(trades.total_results, "total_results")
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let reply = session.api.call(list(window, page, PAGE_SIZE)).await?;
        let mut page = Page::default();
        let Some(info) = answers::info(&reply.body)? else { return Ok(page) };
        let trades: Trades<'_> = wire::object(info)?;
        for raw in wire::records(trades.trades, "trades")? {
            let bytes = raw.get().as_bytes();
            let read = Fields::from_json(bytes)
                .and_then(|trade| normalize::checked(&trade, self.0.dialect));
            let event = match read {
                Ok(order) => Event::Order(Box::new(order)),
                Err(error) => suspect(error, id_of(raw, "tid"), bytes),
            };
            page.notices.push(Notice { shop: session.shop.clone(), event });
        }
        Ok(page)
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let reply = session.api.call(detail(id)).await?;
        ecstore::whole(session.shop, id, record(&reply)?, self.0.dialect)
    }
}

/// The call that reads one order.
pub(super) fn detail(id: &OrderId) -> ApiRequest {
    request(DETAIL).idempotent().param("order_id", id.as_str())
}

/// The trade of an answer about one order: its text, and its fields.
fn record(reply: &ApiReply) -> Result<(&str, Result<Fields<'_>>)> {
    if let Some((text, fields)) = answers::Plain::of(reply).and_then(|plain| plain.trade(reply)) {
        return Ok((text, Ok(fields)));
    }
    let text = trade(&reply.body)?.get();
    Ok((text, Fields::from_json(text.as_bytes())))
}

/// The trade of an answer about one order.
pub(super) fn trade(body: &[u8]) -> Result<Raw<'_>> {
    let missing = || Error::new(ErrorKind::Rejected, "channel has no such record");
    let one: One<'_> = wire::object(answers::info(body)?.ok_or_else(missing)?)?;
    one.trade.ok_or_else(missing)
}

/// Both ends of the window belong to it; the shop leaves the last second out.
fn list(window: Window, page: u32, size: u32) -> ApiRequest {
    request(LIST)
        .idempotent()
        .param("start_time", window.from.to_china())
        .param("end_time", window.to.plus(Duration::from_secs(1)).to_china())
        .param("page_no", page.to_string())
        .param("page_size", size.to_string())
}
