//! Lists and reads refunds.
//!
//! The list is of deals with refunds, by the time the deal changed, and a refund changes its deal. Its notices are thin,
//! because list and detail do not say times in the same way.

use super::deals::{suspect, total};
use super::normalize_refund::{named, of_deal, parts, refund};
use super::wire::{Record, needed};
use super::{DAY, Paipai};
use crate::contract::model::{RefundId, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, Error, ErrorKind, Event, Notice, Page, PollSpec, RefundSource, Result,
    Session, Window,
};
use async_trait::async_trait;
use std::time::Duration;

pub(super) const LIST: &str = "getDealRefundInfoList";
pub(super) const READ: &str = "getDealRefundDetailInfo";
/// The largest page is not documented; that of deals is kept.
const PAGE_SIZE: u32 = 20;
const HORIZON: Duration = DAY.saturating_mul(super::OLDEST_DAYS);

#[async_trait]
impl RefundSource for Paipai {
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: DAY, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let (answer, _) = self.ask(session, self.refund_list(window, 1)).await?;
        total(&answer)
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let (answer, reply) = self.ask(session, self.refund_list(window, page)).await?;
        let mut notices = Vec::new();
        for (index, deal) in answer.records("dealList")?.iter().enumerate() {
            let within = |error: Error| error.within(&format!("dealList[{index}]"));
            let events = changed(deal, window, &reply).unwrap_or_else(|error| {
                let id = deal.id("dealCode").ok().flatten().map(str::to_owned);
                vec![suspect(within(error), id, &reply)]
            });
            let notice = |event| Notice { shop: session.shop.clone(), event };
            notices.extend(events.into_iter().map(notice));
        }
        Ok(Page { notices })
    }

    async fn refund(&self, session: &Session<'_>, id: &RefundId) -> Result<Notice> {
        let (deal, own) = parts(id)?;
        let request = self.user(READ).param("dealCode", deal);
        let (answer, reply) = self.ask(session, request).await?;
        if answer.id("dealCode")?.is_some_and(|code| code != deal) {
            return Err(Error::malformed("channel answered about another record"));
        }
        for record in of_deal(&answer)? {
            if record.id("tradeRefundId").ok().flatten() == Some(own) {
                let event = match refund(deal, &record) {
                    Ok(refund) => Event::Refund(Box::new(refund)),
                    Err(error) => suspect(error, Some(id.to_string()), &reply),
                };
                return Ok(Notice { shop: session.shop.clone(), event });
            }
        }
        Err(Error::new(ErrorKind::Rejected, "the deal has no such refund"))
    }
}

impl Paipai {
    /// These two want the seller as a user with a role.
    fn user(&self, api: &'static str) -> ApiRequest {
        let request = self.seller(api, "deal").idempotent();
        request.param("userUin", self.uin.as_str()).param("userRole", "0")
    }

    /// The end is asked for a second later, because it may not belong to the window. The beginning is not: what changed
    /// before it may stand there because its deal changed once more, and must not be left out.
    fn refund_list(&self, window: Window, page: u32) -> ApiRequest {
        self.user(LIST)
            .param("timeType", "UPDATE")
            .param("timeBegin", window.from.to_china())
            .param("timeEnd", window.to.plus(Duration::from_secs(1)).to_china())
            .param("pageIndex", page.to_string())
            .param("pageSize", PAGE_SIZE.to_string())
    }
}

fn changed(deal: &Record, window: Window, reply: &ApiReply) -> Result<Vec<Event>> {
    let code = needed(deal.id("dealCode")?, "dealCode")?;
    let second = |time: Timestamp| time.unix_ms().div_euclid(1000);
    let mut events = Vec::new();
    for refund in of_deal(deal)? {
        match named(code, &refund) {
            Ok((_, modified)) if second(modified) > second(window.to) => {}
            Ok((id, modified)) => {
                events.push(Event::RefundChanged { id, modified: Some(modified) });
            }
            Err(error) => events.push(suspect(error, Some(code.to_owned()), reply)),
        }
    }
    Ok(events)
}
