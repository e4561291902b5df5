//! Lists and reads trades.
//!
//! The list is newest first and takes a window of at most a day within the last three months. It gives only part of the
//! fields, so its notices are thin and every order is read whole by `taobao.trade.fullinfo.get`.

use super::envelope::inside;
use super::list::Items;
use super::scalars::Id;
use super::wire::{FullInfo, Raw, SubOrder, Trade, TradeChanged, Trades, items, object, reply};
use super::{Taobao, normalize, purchase};
use crate::contract::model::{Order, OrderId, ShopId, Timestamp};
use crate::contract::{
    ApiRequest, Error, Event, Notice, OrderSource, Page, PollSpec, Result, Session, Suspect,
    Window, WithRest,
};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use std::time::Duration;

pub(super) const LIST: &str = "taobao.trades.sold.increment.get";
pub(super) const READ: &str = "taobao.trade.fullinfo.get";
pub(super) const DAY: Duration = Duration::from_hours(24);
/// Three months, less a day for months of 30 days and clocks that differ.
pub(super) const HORIZON: Duration = Duration::from_hours(24 * 89);
/// The documents recommend 40 to 50.
pub(super) const PAGE_SIZE: u32 = 50;

/// Types of trades. Left out, the channel lists only five of them; only what is named is listed.
pub(super) const TYPES: &str = "fixed,auction,guarantee_trade,step,independent_simple_trade,independent_shop_trade,auto_delivery,ec,cod,game_equipment,shopex_trade,netcn_trade,external_trade,instant_trade,b2c_cod,hotel_trade,super_market_trade,super_market_cod_trade,taohua,waimai,o2o_offlinetrade,nopaid,eticket,tmall_i18n,insurance_plus,finance,pre_auth_type,lazada";

/// Everything that is documented today, without the accounts and contacts of buyer and seller, which no order needs.
/// The five fields from `receiver_name` to `receiver_phone` and `created` are the price of the `oaid`.
const FIELDS: &str = "tid,tid_str,status,type,created,modified,pay_time,consign_time,end_time,timeout_action_time,seller_nick,buyer_nick,buyer_open_uid,buyer_message,title,payment,total_fee,discount_fee,adjust_fee,post_fee,received_payment,available_confirm_fee,has_post_fee,commission_fee,cod_fee,cod_status,buyer_cod_fee,seller_cod_fee,express_agency_fee,credit_card_fee,paid_coupon_fee,platform_subsidy_fee,coupon_fee,tmall_coupon_fee,alipay_no,alipay_point,pcc_af,point_fee,real_point_fee,buyer_obtain_point_fee,shipping_type,seller_memo,seller_flag,receiver_name,receiver_mobile,receiver_phone,receiver_country,receiver_state,receiver_city,receiver_district,receiver_town,receiver_address,receiver_zip,oaid,orders,promotion_details,service_orders,service_tags,step_trade_status,step_paid_fee,trade_from,is_part_consign,is_daixiao,top_hold,team_buy_hold,share_group_hold,ofp_hold,forbid_consign,delay_create_delivery,mark_desc,is_lgtype,is_brand_sale,is_force_wlb,is_sh_ship,has_yfx,yfx_fee,yfx_type,delivery_time,collect_time,dispatch_time,sign_time,es_date,es_range,os_date,os_range,timing_promise,promise_service,cutoff_minutes,es_time,est_con_time,send_time,consign_interval,logistics_infos,logistics_agreement,delivery_plan,trade_attr,lm";

#[async_trait]
impl OrderSource for Taobao {
    fn spec(&self) -> PollSpec {
        PollSpec { longest_window: DAY, page_size: PAGE_SIZE, horizon: HORIZON }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        let request = list(window)
            .param("fields", "tid")
            .param("page_no", "1")
            .param("page_size", "1")
            .param("use_has_next", "false");
        let answer = session.api.call(request).await?;
        let trades: Trades<'_> = reply(&answer.body)?;
        trades.total_results.ok_or_else(|| missing("total_results"))
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let request = list(window)
            .param("fields", "tid,modified")
            .param("page_no", page.to_string())
            .param("page_size", PAGE_SIZE.to_string())
            // Without counting all over again; the documents say that this saves most of the work.
            .param("use_has_next", "true");
        let answer = session.api.call(request).await?;
        let trades: Trades<'_> = reply(&answer.body)?;
        let raws = items(trades.trades, "trade").map_err(|error| error.within("trades"))?;
        let notice = |raw| changed(raw).unwrap_or_else(|error| suspect(error, id_of(raw), raw));
        Ok(notices(session.shop, raws.into_iter().map(notice)))
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let request = ApiRequest::post(READ)
            .idempotent()
            .param("fields", self.fields(FIELDS))
            .param("tid", id.as_str())
            .param("include_oaid", "true");
        let answer = session.api.call(request).await?;
        let mut event = read(&answer.body, id)?;
        if let Event::Order(order) = &mut event {
            if order.order_id != *id {
                return Err(another());
            }
            if self.reads_purchase_orders {
                purchase::fill(session, order).await?;
            }
        }
        Ok(Notice { shop: session.shop.clone(), event })
    }
}

/// The trade of an answer. Only one that cannot be read is read twice: for what is wrong with it, and as it stands.
fn read(body: &[u8], id: &OrderId) -> Result<Event> {
    if let Some(order) = quick(body) {
        return Ok(Event::Order(order));
    }
    let FullInfo { trade } = reply(body)?;
    Ok(match normalize::order(trade).and_then(sound) {
        Ok(order) => Event::Order(order),
        Err(error) => suspect(error, Some(id.as_str().to_owned()), trade),
    })
}

/// The trade of an answer in its usual form, in one reading of the body; none where anything is wrong.
pub(super) fn quick(body: &[u8]) -> Option<Box<Order>> {
    type Whole<'a> = WithRest<'a, Trade<'a, Items<'a, SubOrder<'a>>>>;
    let FullInfo::<Whole<'_>> { trade } = inside(body)?;
    normalize::trade(trade).and_then(sound).ok()
}

/// An order whose sums hold.
fn sound(order: Order) -> Result<Box<Order>> {
    let order = Box::new(order);
    order.check()?;
    Ok(order)
}

fn list(window: Window) -> ApiRequest {
    let (from, to) = ends(window);
    ApiRequest::post(LIST)
        .idempotent()
        .param("start_modified", from)
        .param("end_modified", to)
        .param("type", TYPES)
}

/// Both ends in whole seconds. The channel wants the end behind the beginning, so a window within one second is opened
/// by the second before.
pub(super) fn ends(window: Window) -> (String, String) {
    let second = |time: Timestamp| time.unix_ms().div_euclid(1000);
    let to = window.to.to_china();
    if second(window.from) >= second(window.to) {
        return (window.to.minus(Duration::from_secs(1)).to_china(), to);
    }
    (window.from.to_china(), to)
}

fn changed(raw: Raw<'_>) -> Result<Event> {
    let trade: TradeChanged<'_> = object(raw)?;
    let id = OrderId::try_new(trade.tid.0).map_err(|error| error.at("tid"))?;
    let modified = normalize::required(trade.modified, "modified")?;
    Ok(Event::OrderChanged { id, modified: Some(modified) })
}

fn id_of(raw: Raw<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        tid: Id<'a>,
    }
    object::<Named<'_>>(raw).map(|named| named.tid.0.to_owned()).ok()
}

/// A record that cannot be read, whole, for the quarantine.
pub(super) fn suspect(error: Error, object_id: Option<String>, raw: Raw<'_>) -> Event {
    let raw = Bytes::copy_from_slice(raw.get().as_bytes());
    Event::Suspect(Box::new(Suspect { error, object_id, raw }))
}

/// A page of a shop.
pub(super) fn notices(shop: &ShopId, events: impl Iterator<Item = Event>) -> Page {
    Page { notices: events.map(|event| Notice { shop: shop.clone(), event }).collect() }
}

/// A reply without a field that it must have.
pub(super) fn missing(field: &str) -> Error {
    Error::malformed("channel's answer lacks a field").at(field)
}

/// An answer about another record than the one asked for.
pub(super) fn another() -> Error {
    Error::malformed("channel answered about another record")
}
