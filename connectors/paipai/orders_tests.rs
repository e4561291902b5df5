//! Lists, details and history, against the fake.

use super::tests::{SECRET, TOKEN, shop};
use super::words::OPEN_STATES;
use super::{ENTRY, errors};
use crate::contract::model::{OrderId, RefundId, Timestamp};
use crate::contract::{
    ApiReply, Connector, Credentials, Error, ErrorKind, Event, Page, Secret, Session, ShopSetup,
    Token, Window,
};
use crate::testkit::{Fake, FakeApi};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// A connector, its fake, and a way from one to the other.
pub(super) struct Desk {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) fake: Arc<dyn Fake>,
    pub(super) api: FakeApi,
}

impl Desk {
    pub(super) fn new(settings: Value) -> Self {
        let setup = ShopSetup { shop: shop().shop, settings };
        let connector = (ENTRY.build)(setup).unwrap();
        let fake = (ENTRY.fake)(vec![shop()]);
        let credentials = Credentials {
            app_key: shop().app_key,
            app_secret: Secret::new(SECRET),
            token: Some(Token { access: Secret::new(TOKEN), refresh: None, expires_at: None }),
        };
        let now = Timestamp::parse_china("2026-11-11 00:00:30").unwrap();
        let api = FakeApi::new(Arc::clone(&connector), Arc::clone(&fake), credentials, now);
        Self { connector, fake, api }
    }

    pub(super) fn session(&self) -> Session<'_> {
        let app_key = "700028402";
        Session { shop: fake_shop(), api: &self.api, app_key, now: self.api.now() }
    }

    pub(super) fn create(&self, seed: u64) -> OrderId {
        self.api.pass(SECOND);
        self.fake.create_order(&shop().shop, seed, self.api.now())
    }

    pub(super) fn edit(&self, order: &OrderId) {
        self.api.pass(SECOND);
        self.fake.edit_order(&shop().shop, order, self.api.now());
    }

    pub(super) async fn read(&self, order: &OrderId) -> Result<Event, Error> {
        let orders = self.connector.orders().unwrap();
        orders.order(&self.session(), order).await.map(|notice| notice.event)
    }
}

fn fake_shop() -> &'static crate::contract::model::ShopId {
    static SHOP: std::sync::OnceLock<crate::contract::model::ShopId> = std::sync::OnceLock::new();
    SHOP.get_or_init(|| shop().shop)
}

fn thin(page: Page) -> BTreeMap<String, Timestamp> {
    let named = |event| {
        let Event::OrderChanged { id, modified } = event else {
            panic!("not a thin notice of an order: {event:?}")
        };
        (id.to_string(), modified.unwrap())
    };
    page.notices.into_iter().map(|notice| named(notice.event)).collect()
}

/// Everything on the list of open deals, by part.
async fn open(desk: &Desk) -> Vec<BTreeMap<String, Timestamp>> {
    let open = desk.connector.orders().unwrap().open().unwrap();
    let mut parts = Vec::new();
    for part in 0..open.parts() {
        let count = open.count(&desk.session(), part).await.unwrap();
        let pages = count.div_ceil(u64::from(open.page_size()));
        let mut all = BTreeMap::new();
        for page in 1..=u32::try_from(pages).unwrap() {
            all.extend(thin(open.page(&desk.session(), part, page).await.unwrap()));
        }
        assert_eq!(all.len() as u64, count, "a sorted list is read whole");
        parts.push(all);
    }
    parts
}

#[tokio::test]
async fn a_deal_is_on_the_list_of_its_state_until_it_ends() {
    let desk = Desk::new(json!({}));
    let ids: Vec<OrderId> = (0..50).map(|seed| desk.create(seed)).collect();
    let parts = open(&desk).await;
    assert_eq!(parts.len(), OPEN_STATES.len());
    assert_eq!(parts.iter().map(BTreeMap::len).sum::<usize>(), 50);
    let cod = &ids[8];
    let part = |parts: &[BTreeMap<String, Timestamp>]| {
        parts.iter().position(|part| part.contains_key(cod.as_str())).map(|at| OPEN_STATES[at])
    };
    assert_eq!(part(&parts), Some("STATE_COD_WAIT_SHIP"));
    let before = desk.fake.orders(&shop().shop)[cod];
    for state in [Some("STATE_COD_SHIP_OK"), Some("STATE_COD_SIGN"), None] {
        desk.edit(cod);
        let parts = open(&desk).await;
        assert_eq!(part(&parts), state);
        let listed = parts.iter().find_map(|part| part.get(cod.as_str()));
        assert!(listed.is_none_or(|modified| *modified > before), "a change has a new time");
    }
    let Event::Order(order) = desk.read(cod).await.unwrap() else { panic!("not an order") };
    assert_eq!(order.channel_status, "STATE_COD_SUCESS");
    assert_eq!(order.amounts.paid, order.amounts.payable, "paid at the door by now");
    let error = desk.connector.orders().unwrap().open().unwrap();
    let error = error.count(&desk.session(), 99).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn deals_older_than_the_setting_are_not_asked_for() {
    let desk = Desk::new(json!({ "open_days": 2 }));
    desk.create(1);
    desk.api.pass(DAY);
    assert_eq!(open(&desk).await.iter().map(BTreeMap::len).sum::<usize>(), 1);
    desk.api.pass(DAY * 2);
    assert_eq!(open(&desk).await.iter().map(BTreeMap::len).sum::<usize>(), 0);
}

#[tokio::test]
async fn history_is_asked_for_only_where_a_deal_may_be_history() {
    let desk = Desk::new(json!({}));
    let order = desk.create(8);
    let recent = desk.create(1);
    for _ in 0..3 {
        desk.edit(&order);
    }
    let nobody = OrderId::try_new("855000017-20261111-1").unwrap();
    assert_eq!(desk.read(&nobody).await.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(desk.api.asked().len(), 1, "a deal of today is no history");
    desk.api.pass(DAY * 70);
    assert!(matches!(desk.read(&order).await.unwrap(), Event::Order(_)));
    let asked: Vec<String> = desk.api.asked().iter().filter_map(history).collect();
    assert_eq!(asked, ["0", "0", "1"]);
    assert!(matches!(desk.read(&recent).await.unwrap(), Event::Order(_)), "it never ended");
}

fn history(request: &crate::contract::ApiRequest) -> Option<String> {
    let named = request.params.iter().find(|(name, _)| name == "historyDeal");
    named.map(|(_, value)| value.clone())
}

#[tokio::test]
async fn every_breakage_of_the_fake_is_read_in_every_charset_and_form() {
    for settings in [
        json!({}),
        json!({ "charset": "gbk" }),
        json!({ "format": "xml" }),
        json!({ "charset": "gbk", "format": "xml" }),
    ] {
        let desk = Desk::new(settings.clone());
        for seed in 0..42 {
            let id = desk.create(seed);
            let event = desk.read(&id).await.unwrap();
            let Event::Order(order) = event else { panic!("{settings} {seed}: {event:?}") };
            let message = order.buyer.message.unwrap();
            let said = match seed % 7 {
                3 => r"放 C:\小区\3号",
                4 => "请尽快",
                _ => "请尽快发货",
            };
            assert_eq!(message.expose(), said, "{settings} {seed}");
        }
    }
}

#[tokio::test]
async fn a_refund_is_listed_thin_and_read_by_its_deal() {
    let desk = Desk::new(json!({}));
    let from = desk.api.now();
    let order = desk.create(1);
    desk.api.pass(SECOND);
    let id = desk.fake.create_refund(&shop().shop, &order, desk.api.now());
    let window = Window { from, to: desk.api.now() };
    let refunds = desk.connector.refunds().unwrap();
    let page = refunds.page(&desk.session(), window, 1).await.unwrap();
    let Event::RefundChanged { id: listed, modified } = &page.notices[0].event else {
        panic!("not a thin notice of a refund")
    };
    assert_eq!(*listed, id);
    let asked = desk.api.asked();
    let end = asked[0].params.iter().find(|(name, _)| name == "timeEnd").unwrap();
    assert_eq!(end.1, window.to.plus(SECOND).to_china(), "the end may not belong to it");
    let notice = refunds.refund(&desk.session(), &id).await.unwrap();
    let Event::Refund(refund) = notice.event else { panic!("not a refund") };
    assert_eq!(Some(refund.modified), *modified);
    assert_eq!((refund.order_id, refund.line_id.is_some()), (order.clone(), true));
    // The deal changes once more: the refund is listed again as it was, and is no new event.
    desk.edit(&order);
    let later = Window { from: desk.api.now(), to: desk.api.now() };
    let again = refunds.page(&desk.session(), later, 1).await.unwrap();
    assert!(matches!(&again.notices[0].event,
        Event::RefundChanged { modified: said, .. } if said == modified));
    for wrong in [format!("{order}-1"), "1".to_owned()] {
        let wrong = RefundId::try_new(&wrong).unwrap();
        let error = refunds.refund(&desk.session(), &wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }
}

#[test]
fn errors_are_told_by_the_setting_then_by_their_words_and_are_refusals_otherwise() {
    let meanings =
        serde_json::from_value(json!({ "4097": "unavailable", "7": "throttled" })).unwrap();
    let throttled = ErrorKind::Throttled { retry_after: None };
    for (code, text, kind) in [
        (4097, "订单状态不正确，不能标记发货", ErrorKind::Unavailable),
        (7, "", throttled),
        (1, "调用过于频繁，请稍后再试", throttled),
        (1, "频繁调用接口失败", throttled),
        (1, "accessToken已过期", ErrorKind::Unauthorized),
        (1, "签名错误", ErrorKind::Unauthorized),
        (1, "系统繁忙", ErrorKind::Unavailable),
        (1, "请稍后再试", ErrorKind::Unavailable),
        (1, "订单不存在", ErrorKind::Rejected),
        (1, "", ErrorKind::Rejected),
        (-1, "?", ErrorKind::Rejected),
    ] {
        let error = errors::error(code, text, &meanings);
        assert_eq!(error.kind(), kind, "{code} {text}");
        assert_eq!(error.channel_code(), Some(code.to_string().as_str()));
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
}

#[test]
fn an_answer_is_judged_by_its_status_its_form_and_its_code() {
    let desk = Desk::new(json!({}));
    let judge = |status: u16, body: &'static str| {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        desk.connector.classify(&ApiReply::new(status, HeaderMap::new(), body))
    };
    judge(200, "{\"errorCode\":0,\"errorMessage\":\"提示\"}").unwrap();
    judge(200, "<x><errorCode>0</errorCode></x>").unwrap();
    for (status, body, kind) in [
        (200, "{\"errorCode\":4097,\"errorMessage\":\"订单状态不正确\"}", ErrorKind::Rejected),
        (200, "<x><errorCode>\"1\"</errorCode></x>", ErrorKind::Malformed),
        (200, "{\"dealList\":[],\"x\":1}", ErrorKind::Malformed),
        (200, "{\"errorCode\":\"\",\"x\":1}", ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "<html>busy</html>", ErrorKind::Unavailable),
        (502, "<html>busy</html>", ErrorKind::Unavailable),
        (404, "<html>nothing</html>", ErrorKind::Rejected),
    ] {
        let error = judge(status, body).unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
    }
}
