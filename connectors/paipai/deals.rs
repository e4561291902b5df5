//! Lists and reads deals.
//!
//! Windows are of the time a deal was placed: the channel advises against its list by change. So the deals that have not
//! ended are listed a second time, state by state. Both lists are asked for in the order of placing, since without a
//! time they have none. Which ends of a window belong to it is not confirmed: a second more is asked for on either side,
//! and what is outside is left out.

use super::wire::{Record, needed};
use super::words::OPEN_STATES;
use super::{DAY, Paipai, normalize};
use crate::contract::model::{OrderId, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, Error, ErrorKind, Event, Notice, OpenOrders, OrderSource, Page, PollSpec,
    Result, Session, Suspect, Window,
};
use async_trait::async_trait;
use std::time::Duration;

pub(super) const LIST: &str = "sellerSearchDealList";
pub(super) const READ: &str = "getDealDetail";
/// The most that the channel gives.
const PAGE_SIZE: u32 = 20;
/// Three months, less a day for months of 30 days and clocks that differ.
const HORIZON: Duration = DAY.saturating_mul(super::OLDEST_DAYS);
/// A deal that ended longer ago than two months is history.
const RECENT: Duration = DAY.saturating_mul(58);
const SECOND: Duration = Duration::from_secs(1);

#[async_trait]
impl OrderSource for Paipai {
    /// The longest window is not documented; a day is what others ask for.
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: DAY, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let request = self.list(wider(window)).param("pageIndex", "1");
        self.total(session, request).await
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let request = self.list(wider(window)).param("pageIndex", page.to_string());
        self.notices(session, request, Some(window)).await
    }

    /// Deals that may be history are asked for there too, where they are not found among the others.
    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let (deal, reply) = self.deal(session, id).await?;
        let event = match normalize::order(&deal, &self.uin) {
            Ok(order) if order.order_id != *id => {
                return Err(Error::malformed("channel answered about another record"));
            }
            Ok(order) => Event::Order(Box::new(order)),
            Err(error) => suspect(error, Some(id.to_string()), &reply),
        };
        Ok(Notice { shop: session.shop.clone(), event })
    }

    fn open(&self) -> Option<&dyn OpenOrders> {
        Some(self)
    }
}

#[async_trait]
impl OpenOrders for Paipai {
    fn parts(&self) -> u32 {
        u32::try_from(OPEN_STATES.len()).unwrap_or_default()
    }

    fn page_size(&self) -> u32 {
        PAGE_SIZE
    }

    async fn count(&self, session: &Session<'_>, part: u32) -> Result<u64> {
        self.total(session, self.open_list(session, part)?.param("pageIndex", "1")).await
    }

    async fn page(&self, session: &Session<'_>, part: u32, page: u32) -> Result<Page> {
        let request = self.open_list(session, part)?.param("pageIndex", page.to_string());
        self.notices(session, request, None).await
    }
}

impl Paipai {
    /// Reads a deal.
    pub(super) async fn deal(
        &self,
        session: &Session<'_>,
        id: &OrderId,
    ) -> Result<(Record, ApiReply)> {
        let request = |history: &'static str| {
            self.seller(READ, "deal")
                .idempotent()
                .param("dealCode", id.as_str())
                .param("listItem", "1")
                .param("historyDeal", history)
        };
        let read = self.ask(session, request("0")).await;
        match read {
            Err(error)
                if error.kind() == ErrorKind::Rejected && may_be_history(id, session.now) =>
            {
                self.ask(session, request("1")).await
            }
            read => read,
        }
    }

    fn list(&self, window: Window) -> ApiRequest {
        self.seller(LIST, "deal")
            .idempotent()
            .param("timeType", "CREATE")
            .param("timeBegin", window.from.to_china())
            .param("timeEnd", window.to.to_china())
            .param("listItem", "0")
            .param("orderDesc", "1")
            .param("pageSize", PAGE_SIZE.to_string())
    }

    fn open_list(&self, session: &Session<'_>, part: u32) -> Result<ApiRequest> {
        let state = usize::try_from(part).ok().and_then(|part| OPEN_STATES.get(part));
        let state = state.ok_or_else(|| Error::malformed("the list has no such part"))?;
        let oldest = session.now.minus(DAY * self.open_days);
        // A second more, because the end may not belong to it.
        let window = Window { from: oldest, to: session.now.plus(SECOND) };
        Ok(self.list(window).param("dealState", *state))
    }

    async fn total(&self, session: &Session<'_>, request: ApiRequest) -> Result<u64> {
        let (answer, _) = self.ask(session, request).await?;
        total(&answer)
    }

    async fn notices(
        &self,
        session: &Session<'_>,
        request: ApiRequest,
        window: Option<Window>,
    ) -> Result<Page> {
        let (answer, reply) = self.ask(session, request).await?;
        let mut notices = Vec::new();
        for (index, deal) in answer.records("dealList")?.iter().enumerate() {
            let is_in = |time: Timestamp| {
                window.is_none_or(|window| {
                    let second = |time: Timestamp| time.unix_ms().div_euclid(1000);
                    (second(window.from)..=second(window.to)).contains(&second(time))
                })
            };
            // A deal that does not say when it was placed is kept: twice is better than never.
            if !deal.time("createTime").ok().flatten().is_none_or(is_in) {
                continue;
            }
            let event = changed(deal).unwrap_or_else(|error| {
                let id = deal.id("dealCode").ok().flatten().map(str::to_owned);
                suspect(error.within(&format!("dealList[{index}]")), id, &reply)
            });
            notices.push(Notice { shop: session.shop.clone(), event });
        }
        Ok(Page { notices })
    }
}

/// How many records a list holds.
pub(super) fn total(answer: &Record) -> Result<u64> {
    let total = needed(answer.whole("countTotal")?, "countTotal")?;
    u64::try_from(total)
        .map_err(|_| Error::malformed("expected a number of records").at("countTotal"))
}

fn wider(window: Window) -> Window {
    Window { from: window.from.minus(SECOND), to: window.to.plus(SECOND) }
}

fn changed(deal: &Record) -> Result<Event> {
    let code = needed(deal.id("dealCode")?, "dealCode")?;
    let id = OrderId::try_new(code).map_err(|error| error.at("dealCode"))?;
    Ok(Event::OrderChanged { id, modified: Some(normalize::modified(deal)?) })
}

/// The day in a deal's code is the day it was placed, and it ended later.
fn may_be_history(id: &OrderId, now: Timestamp) -> bool {
    let day = id.as_str().rsplit('-').nth(1).unwrap_or_default();
    let (Some(year), Some(month), Some(day)) = (day.get(..4), day.get(4..6), day.get(6..8)) else {
        return false;
    };
    let placed = Timestamp::parse_china(&format!("{year}-{month}-{day} 00:00:00"));
    placed.is_ok_and(|placed| now.since(placed) > RECENT)
}

/// A record that cannot be read, with the answer it stood in, for the quarantine.
pub(super) fn suspect(error: Error, object_id: Option<String>, reply: &ApiReply) -> Event {
    Event::Suspect(Box::new(Suspect { error, object_id, raw: reply.body.clone() }))
}
