//! Lists and reads refunds of purchase orders. The list gives whole refunds.

use super::super::orders::{HORIZON, another, ends, notices, suspect};
use super::super::scalars::Id;
use super::super::wire::{Raw, object, reply};
use super::orders::total;
use super::wire::{OneRefund, Refunds, items};
use super::{Fenxiao, PAGE_SIZE, WEEK, normalize};
use crate::contract::model::RefundId;
use crate::contract::{
    ApiRequest, Event, Notice, Page, PollSpec, RefundSource, Result, Session, Window,
};
use async_trait::async_trait;
use serde::Deserialize;

pub(super) const LIST: &str = "taobao.fenxiao.refund.query";
pub(super) const READ: &str = "taobao.fenxiao.refund.get";

#[async_trait]
impl RefundSource for Fenxiao {
    /// This list takes 30 days; the week of orders is kept.
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: WEEK, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let answer = session.api.call(list(window, 1, 1)).await?;
        let refunds: Refunds<'_> = reply(&answer.body)?;
        total(refunds.total_results)
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let answer = session.api.call(list(window, page, PAGE_SIZE)).await?;
        let refunds: Refunds<'_> = reply(&answer.body)?;
        let raws = items(refunds.refund_list, &["refund_detail"])
            .map_err(|error| error.within("refund_list"))?;
        Ok(notices(session.shop, raws.into_iter().map(event)))
    }

    async fn refund(&self, session: &Session<'_>, id: &RefundId) -> Result<Notice> {
        let request = ApiRequest::post(READ)
            .idempotent()
            .param("refund_id", id.as_str())
            .param("query_seller_refund", "true");
        let answer = session.api.call(request).await?;
        let OneRefund { refund_detail } = reply(&answer.body)?;
        let event = event(refund_detail);
        if let Event::Refund(refund) = &event
            && refund.refund_id != *id
        {
            return Err(another());
        }
        Ok(Notice { shop: session.shop.clone(), event })
    }
}

fn list(window: Window, page: u32, size: u32) -> ApiRequest {
    let (from, to) = ends(window);
    ApiRequest::post(LIST)
        .idempotent()
        .param("start_date", from)
        .param("end_date", to)
        .param("query_seller_refund", "true")
        .param("page_no", page.to_string())
        .param("page_size", size.to_string())
}

fn event(raw: Raw<'_>) -> Event {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        refund_id: Id<'a>,
    }
    match normalize::refund(raw) {
        Ok(refund) => Event::Refund(Box::new(refund)),
        Err(error) => {
            let id = object::<Named<'_>>(raw).map(|named| named.refund_id.0.to_owned()).ok();
            suspect(error, id, raw)
        }
    }
}
