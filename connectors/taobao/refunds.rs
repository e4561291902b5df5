//! Lists and reads refunds. The list gives whole refunds, so its notices are fat.

use super::Taobao;
use super::normalize_refund::{id_of, refund};
use super::orders::{DAY, HORIZON, PAGE_SIZE, TYPES, another, ends, missing, notices, suspect};
use super::wire::{OneRefund, Refunds, items, reply};
use crate::contract::model::RefundId;
use crate::contract::{
    ApiRequest, Event, Notice, Page, PollSpec, RefundSource, Result, Session, Window,
};
use async_trait::async_trait;

pub(super) const LIST: &str = "taobao.refunds.receive.get";
pub(super) const READ: &str = "taobao.refund.get";

/// The same for the list and for one, so that a refund is one event whichever way it comes. Without the buyer's nick,
/// account, address and free text.
const FIELDS: &str = "refund_id,tid,oid,status,created,modified,refund_fee,payment,total_fee,price,num,num_iid,title,sku,outer_id,reason,has_good_return,good_status,good_return_time,order_status,refund_phase,refund_version,dispute_type,company_name,sid,refund_remind_timeout,operation_contraint,cs_status,advance_status,shipping_type,seller_nick,end_time";

#[async_trait]
impl RefundSource for Taobao {
    /// The channel documents no longest window of this list; that of trades is kept.
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: DAY, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let request = list(window)
            .param("fields", "refund_id")
            .param("page_no", "1")
            .param("page_size", "1")
            .param("use_has_next", "false");
        let answer = session.api.call(request).await?;
        let refunds: Refunds<'_> = reply(&answer.body)?;
        refunds.total_results.ok_or_else(|| missing("total_results"))
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let request = list(window)
            .param("fields", FIELDS)
            .param("page_no", page.to_string())
            .param("page_size", PAGE_SIZE.to_string())
            .param("use_has_next", "true");
        let answer = session.api.call(request).await?;
        let refunds: Refunds<'_> = reply(&answer.body)?;
        let raws = items(refunds.refunds, "refund").map_err(|error| error.within("refunds"))?;
        let event = |raw| match refund(raw) {
            Ok(refund) => Event::Refund(Box::new(refund)),
            Err(error) => suspect(error, id_of(raw), raw),
        };
        Ok(notices(session.shop, raws.into_iter().map(event)))
    }

    async fn refund(&self, session: &Session<'_>, id: &RefundId) -> Result<Notice> {
        let request = ApiRequest::post(READ)
            .idempotent()
            .param("fields", FIELDS)
            .param("refund_id", id.as_str());
        let answer = session.api.call(request).await?;
        let OneRefund { refund: raw } = reply(&answer.body)?;
        let event = match refund(raw) {
            Ok(refund) if refund.refund_id != *id => return Err(another()),
            Ok(refund) => Event::Refund(Box::new(refund)),
            Err(error) => suspect(error, Some(id.as_str().to_owned()), raw),
        };
        Ok(Notice { shop: session.shop.clone(), event })
    }
}

fn list(window: Window) -> ApiRequest {
    let (from, to) = ends(window);
    ApiRequest::post(LIST)
        .idempotent()
        .param("start_modified", from)
        .param("end_modified", to)
        .param("type", TYPES)
}
