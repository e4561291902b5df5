//! Lists and reads orders.
//!
//! The list is sorted by modification time, oldest first, and takes a window without its first second. It says of an order
//! only that it changed, and calls everything shipped that is not wholly unshipped, so every order is read whole.

use super::super::fields::Fields;
use super::super::normalize::Dialect;
use super::super::wire::{self, Raw, Trades, id_of, suspect};
use super::super::{answers, normalize};
use super::{Ecstore, request};
use crate::contract::model::{OrderId, ShopId};
use crate::contract::{
    ApiRequest, Error, ErrorKind, Event, Notice, OrderSource, Page, PollSpec, Result, Session,
    Window,
};
use async_trait::async_trait;
use std::time::Duration;

pub(in super::super) const SEARCH: &str = "b2c.order.search";
pub(in super::super) const DETAIL: &str = "b2c.order.detail";
/// No longest window is documented; a day keeps the shop's query short.
pub(in super::super) const LONGEST_WINDOW: Duration = Duration::from_hours(24);
/// A shop forgets nothing; a year is what anybody asks for.
pub(in super::super) const HORIZON: Duration = Duration::from_hours(24 * 365);
/// The channel's own limit.
pub(in super::super) const PAGE_SIZE: u32 = 100;

#[async_trait]
impl OrderSource for Ecstore {
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: LONGEST_WINDOW, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let request = within(request(SEARCH), window).param("page_no", "1").param("page_size", "1");
        let reply = session.api.call(request).await?;
        let trades: Trades<'_> = wire::object(answers::data(&reply.body)?)?;
        wire::count(trades.total_results, "total_results")
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let request = within(request(SEARCH), window)
            .param("page_no", page.to_string())
            .param("page_size", PAGE_SIZE.to_string());
        let reply = session.api.call(request).await?;
        let trades: Trades<'_> = wire::object(answers::data(&reply.body)?)?;
        page_of(session.shop, trades.trades)
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let request = request(DETAIL).idempotent().param("tid", id.as_str());
        let reply = session.api.call(request).await?;
        whole(session.shop, id, answers::record(&reply)?, self.0.dialect)
    }
}

/// A window in whole seconds. The shop leaves out the first second, so it is opened by the one before.
pub(in super::super) fn within(request: ApiRequest, window: Window) -> ApiRequest {
    let from = window.from.minus(Duration::from_secs(1));
    request
        .idempotent()
        .param("start_time", from.to_china())
        .param("end_time", window.to.to_china())
}

/// A page that says which trades changed.
pub(in super::super) fn page_of(shop: &ShopId, trades: Option<Raw<'_>>) -> Result<Page> {
    let mut page = Page::default();
    for raw in wire::records(trades, "trades")? {
        let event = changed(raw)
            .unwrap_or_else(|error| suspect(error, id_of(raw, "tid"), raw.get().as_bytes()));
        page.notices.push(Notice { shop: shop.clone(), event });
    }
    Ok(page)
}

fn changed(raw: Raw<'_>) -> Result<Event> {
    let trade = Fields::from_json(raw.get().as_bytes())?;
    let modified = match trade.when("lastmodify")? {
        Some(time) => time,
        None => normalize::required(&trade, "modified")?,
    };
    Ok(Event::OrderChanged { id: trade.order_id("tid")?, modified: Some(modified) })
}

/// A whole trade, as the answer about one order: its text, and its fields.
pub(in super::super) fn whole(
    shop: &ShopId,
    id: &OrderId,
    (text, fields): (&str, Result<Fields<'_>>),
    dialect: &Dialect,
) -> Result<Notice> {
    let read = match fields {
        // What a shop says of an order that it does not have is not documented; it may be an empty trade.
        Ok(trade) if trade.text("tid").is_none() => {
            return Err(Error::new(ErrorKind::Rejected, "channel has no such record"));
        }
        read => read.and_then(|trade| normalize::checked(&trade, dialect)),
    };
    let event = match read {
        Ok(order) if order.order_id != *id => {
            return Err(Error::malformed("channel answered about another record"));
        }
        Ok(order) => Event::Order(Box::new(order)),
        Err(error) => suspect(error, Some(id.to_string()), text.as_bytes()),
    };
    Ok(Notice { shop: shop.clone(), event })
}
