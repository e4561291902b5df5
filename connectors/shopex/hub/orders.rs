//! Lists and reads trades through the hub.
//!
//! Names of the APIs are those the family's own ERP calls; their parameters are taken to be those of the shop's list and
//! detail, which the hub passes on. Whether the hub leaves out the first second of a window as the shop does is not
//! confirmed, so it is opened by a second: what is listed twice is published once.

use super::super::answers;
use super::super::ecstore::{HORIZON, LONGEST_WINDOW, PAGE_SIZE, page_of, whole, within};
use super::super::fields::Fields;
use super::super::wire::{self, Raw, Trades};
use super::Hub;
use crate::contract::model::OrderId;
use crate::contract::{Notice, OrderSource, Page, PollSpec, Result, Session, Window};
use async_trait::async_trait;
use serde::Deserialize;

pub(in super::super) const SOLD: &str = "store.trades.sold.get";
pub(in super::super) const FULLINFO: &str = "store.trade.fullinfo.get";

/// A trade, plain or one level down.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    trade: Option<Raw<'a>>,
}

#[async_trait]
impl OrderSource for Hub {
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: LONGEST_WINDOW, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let request =
            within(Self::reads(SOLD), window).param("page_no", "1").param("page_size", "1");
        let reply = session.api.call(request).await?;
        let trades: Trades<'_> = wire::object(answers::data(&reply.body)?)?;
        wire::count(trades.total_results, "total_results")
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let request = within(Self::reads(SOLD), window)
            .param("page_no", page.to_string())
            .param("page_size", PAGE_SIZE.to_string());
        let reply = session.api.call(request).await?;
        let trades: Trades<'_> = wire::object(answers::data(&reply.body)?)?;
        page_of(session.shop, trades.trades)
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let request = Self::reads(FULLINFO).param("tid", id.as_str());
        let reply = session.api.call(request).await?;
        let text = trade_of(answers::data(&reply.body)?)?.get();
        let trade = (text, Fields::from_json(text.as_bytes()));
        whole(session.shop, id, trade, self.0.dialect)
    }
}

/// The trade of an answer about one.
pub(super) fn trade_of(data: Raw<'_>) -> Result<Raw<'_>> {
    let wrapped: Wrapped<'_> = wire::object(data)?;
    Ok(wrapped.trade.unwrap_or(data))
}
