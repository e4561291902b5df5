//! The way back, against the fake and against recorded answers.

use super::ENTRY;
use super::tests::{SECRET, TOKEN, shop};
use crate::contract::model::{
    Order, OrderId, OrderStatus, OrderType, StockLevel, Timestamp, Waybill, WaybillAction,
    WaybillLine,
};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, ErrorKind, Event, Result, Secret,
    Session, ShopSetup, StockSink, Token,
};
use crate::testkit::{Fake, FakeApi};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

struct Lab {
    connector: Arc<dyn Connector>,
    fake: Arc<dyn Fake>,
    api: FakeApi,
}

fn connector(settings: Value) -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap()
}

impl Lab {
    fn new() -> Self {
        Self::with(json!({}))
    }

    fn with(settings: Value) -> Self {
        let connector = connector(settings);
        let fake = (ENTRY.fake)(vec![shop()]);
        let token = Token { access: Secret::new(TOKEN), refresh: None, expires_at: None };
        let credentials = Credentials {
            app_key: shop().app_key,
            app_secret: Secret::new(SECRET),
            token: Some(token),
        };
        let now = Timestamp::from_unix_ms(1_794_326_430_000);
        let api = FakeApi::new(Arc::clone(&connector), Arc::clone(&fake), credentials, now)
            .stepping(Duration::from_secs(1));
        Self { connector, fake, api }
    }

    async fn read(&self, id: &OrderId) -> Order {
        let notice = self.connector.orders().unwrap().order(&session(&self.api), id).await.unwrap();
        let Event::Order(order) = notice.event else { panic!("no order") };
        *order
    }

    /// The first order of which this is true.
    async fn order(&self, wanted: impl Fn(&Order) -> bool) -> Order {
        for seed in 0..500 {
            let id = self.fake.create_order(&shop().shop, seed, self.api.now());
            let order = self.read(&id).await;
            if wanted(&order) {
                return order;
            }
        }
        panic!("the fake sells nothing like that")
    }

    async fn ship(&self, waybill: &Waybill) -> Result<()> {
        self.connector.waybills().unwrap().ship(&session(&self.api), waybill).await
    }

    fn parcels(&self, order: &Order) -> Vec<(String, String)> {
        self.fake.shipments(&shop().shop).remove(&order.order_id).unwrap_or_default()
    }

    /// Calls of an API and their parameters.
    fn asked(&self, api: &str) -> Vec<Vec<(String, String)>> {
        let asked = self.api.asked().into_iter().filter(|request| request.api == api);
        let params = |request: ApiRequest| {
            request.params.into_iter().map(|(name, value)| (name.into_owned(), value)).collect()
        };
        asked.map(params).collect()
    }
}

/// Answers every call with the same body.
#[derive(Debug)]
struct Recorded(&'static str);

#[async_trait]
impl ChannelApi for Recorded {
    async fn call(&self, _: ApiRequest) -> Result<ApiReply> {
        let body = Bytes::from_static(self.0.as_bytes());
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body);
        super::errors::classify(&reply).map(|()| reply)
    }
}

fn session(api: &dyn ChannelApi) -> Session<'_> {
    static SHOP: std::sync::OnceLock<crate::contract::model::ShopId> = std::sync::OnceLock::new();
    let shop = SHOP.get_or_init(|| shop().shop);
    Session { shop, api, app_key: "12345678", now: Timestamp::from_unix_ms(1_794_326_430_000) }
}

fn level(sku_id: &str, product_id: &str, available: u32) -> StockLevel {
    StockLevel { sku_id: sku_id.to_owned(), product_id: Some(product_id.to_owned()), available }
}

async fn set(api: &dyn ChannelApi, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
    connector(json!({})).stock().unwrap().set(&session(api), levels).await
}

fn waybill(order: &Order, lines: &[&str], number: &str) -> Waybill {
    let line = |id: &&str| WaybillLine { line_id: (*id).to_owned(), quantity: 1 };
    Waybill {
        order_id: order.order_id.clone(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: number.to_owned(),
        lines: lines.iter().map(line).collect(),
    }
}

fn is_plain(order: &Order) -> bool {
    order.order_type == OrderType::Normal
}

#[tokio::test]
async fn a_level_is_set_when_the_answer_shows_it() {
    let api = Recorded(include_str!("fixtures/skus-quantity-update-2013-real.json"));
    let product = "2000038123656";
    let levels = [
        level("30007221065", product, 17),
        level("30007221068", product, 12),
        level("1", product, 17),
    ];
    let outcomes = set(&api, &levels).await.unwrap();
    assert_eq!(outcomes[0], Ok(()));
    assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(outcomes[2].as_ref().unwrap_err().kind(), ErrorKind::Rejected);
    let api = Recorded(include_str!("fixtures/ok-item-quantity-update.json"));
    let whole = StockLevel { sku_id: "3838293428".to_owned(), product_id: None, available: 12 };
    assert_eq!(set(&api, &[whole]).await.unwrap(), [Ok(())]);
    let other = level("3838293428", "3838293428", 13);
    assert!(set(&api, &[other]).await.unwrap()[0].is_err());
    let silent = Recorded(r#"{"skus_quantity_update_response":{"request_id":"syn"}}"#);
    let outcomes = set(&silent, &levels).await.unwrap();
    assert!(outcomes.iter().all(Result::is_err), "silence is no success");
}

async fn read(api: &dyn ChannelApi, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
    let connector = connector(json!({}));
    connector.stock().and_then(StockSink::reader).unwrap().levels(&session(api), told).await
}

#[tokio::test]
async fn a_listing_says_what_it_has_of_each_sku() {
    let lab = Lab::new();
    let (listing, sku) = ("600000000000", "4000000000000");
    let whole = StockLevel { sku_id: "600000000001".into(), product_id: None, available: 0 };
    set(&lab.api, &[level(sku, listing, 31)]).await.unwrap()[0].clone().unwrap();
    let told = [level("4000000000001", listing, 1), level("9", listing, 1), level(sku, listing, 1)];
    assert_eq!(read(&lab.api, &told).await.unwrap(), [Some(100), None, Some(31)]);
    assert_eq!(lab.asked(super::stock::READ).len(), 1, "one call for one listing");
    assert_eq!(read(&lab.api, std::slice::from_ref(&whole)).await.unwrap(), [Some(100)]);
    let has_variants = level(listing, listing, 1);
    assert_eq!(read(&lab.api, &[has_variants]).await.unwrap(), [None], "no level of its own");
    assert_eq!(read(&lab.api, &[level("1", "5", 1)]).await.unwrap(), [None], "no such listing");
    let mixed = [level("1", "10", 1), level("2", "20", 1)];
    assert_eq!(read(&lab.api, &mixed).await.unwrap_err().kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn a_listing_that_cannot_be_read_has_no_levels() {
    let told = [level("7", "5", 1)];
    let one = |units: &str| {
        let skus = format!(r#"{{"sku":[{{"sku_id":7,"quantity":{units}}}]}}"#);
        format!(r#"{{"item_seller_get_response":{{"item":{{"num":1,"skus":{skus}}}}}}}"#)
    };
    let oversold: &'static str = one("-2").leak();
    assert_eq!(read(&Recorded(oversold), &told).await.unwrap(), [Some(0)]);
    let text: &'static str = one("\"12\"").leak();
    assert_eq!(read(&Recorded(text), &told).await.unwrap(), [Some(12)], "numbers come as text too");
    let gone = r#"{"error_response":{"code":530,"sub_code":"isv.item-is-delete:invalid-numIid-or-iid-tmall"}}"#;
    assert_eq!(read(&Recorded(gone), &told).await.unwrap(), [None]);
    for (body, path) in [
        (one("4294967296").leak() as &str, "item"),
        (one("null").leak(), "item.skus.quantity"),
        (r#"{"item_seller_get_response":{"request_id":"r"}}"#, "item"),
    ] {
        let error = read(&Recorded(body), &told).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        assert!(error.path().is_some_and(|at| at.ends_with(path)), "{error} {body}");
    }
    for kind in ["isp.service-unavailable", "isv.permission-denied"] {
        let body = format!(r#"{{"error_response":{{"code":15,"sub_code":"{kind}"}}}}"#);
        read(&Recorded(body.leak()), &told).await.unwrap_err();
    }
}

#[tokio::test]
async fn levels_of_two_listings_or_too_many_are_no_batch() {
    let api = Recorded("{}");
    let mixed = [level("1", "10", 1), level("2", "20", 1)];
    assert_eq!(set(&api, &mixed).await.unwrap_err().kind(), ErrorKind::Malformed);
    let many: Vec<_> = (0..21).map(|id| level(&id.to_string(), "100", 1)).collect();
    assert_eq!(set(&api, &many).await.unwrap_err().kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn a_parcel_with_some_lines_is_split_and_one_with_all_is_not() {
    let lab = Lab::new();
    let order = lab.order(|order| is_plain(order) && order.lines.len() == 3).await;
    let ids: Vec<&str> = order.lines.iter().map(|line| line.line_id.as_str()).collect();
    lab.ship(&waybill(&order, &ids[..1], "SF0000000001")).await.unwrap();
    lab.ship(&waybill(&order, &ids[..1], "SF0000000001")).await.unwrap();
    lab.ship(&waybill(&order, &ids[1..], "SF0000000002")).await.unwrap();
    let numbers: Vec<String> = lab.parcels(&order).into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, ["SF0000000001", "SF0000000002"]);
    assert_eq!(lab.read(&order.order_id).await.shipments.len(), 2);

    let order = lab.order(|order| is_plain(order) && order.lines.len() == 2).await;
    let ids: Vec<&str> = order.lines.iter().map(|line| line.line_id.as_str()).collect();
    lab.ship(&waybill(&order, &ids, "SF0000000003")).await.unwrap();
    let sent = lab.asked(super::waybill::OFFLINE);
    assert!(sent.last().unwrap().iter().all(|(name, _)| name != "is_split"));
    assert_eq!(lab.parcels(&order).len(), 1);

    let order = lab.order(|order| is_plain(order) && order.lines.len() == 1).await;
    let before = lab.asked(super::waybill::OFFLINE).len();
    lab.ship(&waybill(&order, &[order.lines[0].line_id.as_str()], "SF0000000004")).await.unwrap();
    assert_eq!(lab.asked(super::waybill::OFFLINE).len(), before + 1, "at the first try");
}

#[tokio::test]
async fn a_parcel_for_a_line_that_is_gone_already_is_a_conflict() {
    let lab = Lab::new();
    let order = lab.order(|order| is_plain(order) && order.lines.len() == 2).await;
    lab.ship(&waybill(&order, &[], "SF0000000001")).await.unwrap();
    let error = lab.ship(&waybill(&order, &[], "SF0000000002")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.context().contains("another number"), "{error}");
    assert_eq!(error.channel_code(), Some("isv.logistics-offline-service-error:B04"));
    let known = lab.connector.waybills().unwrap();
    let known = known.shipped(&session(&lab.api), &order.order_id).await.unwrap();
    assert_eq!(known[0].carrier, "SF", "the channel's name became the canonical code");
}

#[tokio::test]
async fn what_is_paid_at_the_door_ships_and_virtual_goods_go_without_a_parcel() {
    let lab = Lab::new();
    let order = lab.order(|order| order.order_type == OrderType::CashOnDelivery).await;
    lab.ship(&waybill(&order, &[], "SF0000000001")).await.unwrap();
    assert_eq!(lab.parcels(&order), [("SF".to_owned(), "SF0000000001".to_owned())]);
    let order = lab.order(|order| order.order_type == OrderType::Virtual).await;
    let error = lab.ship(&waybill(&order, &[], "SF0000000002")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.channel_code().unwrap().ends_with("B98"));
    let mut nothing = waybill(&order, &[], "");
    nothing.action = WaybillAction::NoParcel;
    nothing.carrier.clear();
    lab.ship(&nothing).await.unwrap();
    lab.ship(&nothing).await.unwrap();
    assert_eq!(lab.read(&order.order_id).await.status, OrderStatus::Shipped);
    let parcel = lab.order(is_plain).await;
    nothing.order_id = parcel.order_id.clone();
    let error = lab.ship(&nothing).await.unwrap_err();
    assert!(error.channel_code().unwrap().ends_with("B98"), "{error}");
    assert_eq!(lab.read(&parcel.order_id).await.status, OrderStatus::AwaitingShipment);
}

#[tokio::test]
async fn another_number_is_given_to_what_is_shipped_and_to_nothing_else() {
    let lab = Lab::new();
    let order = lab.order(|order| is_plain(order) && order.lines.len() == 2).await;
    let mut corrected = waybill(&order, &[], "SF0000000002");
    corrected.action = WaybillAction::Replace;
    let error = lab.ship(&corrected).await.unwrap_err();
    assert!(error.channel_code().unwrap().ends_with("CD19"), "{error}");
    assert!(lab.parcels(&order).is_empty());
    lab.ship(&waybill(&order, &[], "SF0000000001")).await.unwrap();
    lab.ship(&corrected).await.unwrap();
    lab.ship(&corrected).await.unwrap();
    assert_eq!(lab.parcels(&order), [("SF".to_owned(), "SF0000000002".to_owned())]);

    let split = lab.order(|order| is_plain(order) && order.lines.len() == 3).await;
    let ids: Vec<&str> = split.lines.iter().map(|line| line.line_id.as_str()).collect();
    lab.ship(&waybill(&split, &ids[..1], "SF0000000003")).await.unwrap();
    lab.ship(&waybill(&split, &ids[1..], "SF0000000004")).await.unwrap();
    let mut part = waybill(&split, &ids[..1], "SF0000000005");
    part.action = WaybillAction::Replace;
    lab.ship(&part).await.unwrap();
    let mut numbers: Vec<String> =
        lab.parcels(&split).into_iter().map(|(_, number)| number).collect();
    numbers.sort();
    assert_eq!(numbers, ["SF0000000004", "SF0000000005"]);

    let open = lab.order(|order| is_plain(order) && order.lines.len() == 3).await;
    let ids: Vec<&str> = open.lines.iter().map(|line| line.line_id.as_str()).collect();
    lab.ship(&waybill(&open, &ids[..1], "SF0000000006")).await.unwrap();
    let mut never_left = waybill(&open, &ids[1..2], "SF0000000006");
    never_left.action = WaybillAction::Replace;
    let error = lab.ship(&never_left).await.unwrap_err();
    assert!(error.channel_code().unwrap().ends_with("CD19"), "{error}");
    lab.ship(&waybill(&open, &ids[1..], "SF0000000007")).await.unwrap();
    let mut all = waybill(&open, &ids, "SF0000000008");
    all.action = WaybillAction::Replace;
    lab.ship(&all).await.unwrap();
    assert_eq!(lab.parcels(&open), [("SF".to_owned(), "SF0000000008".to_owned())]);
}

#[tokio::test]
async fn the_newer_calls_ship_whole_lines_and_correct_them() {
    let lab = Lab::with(json!({ "ship_with": "ascp" }));
    let order = lab.order(|order| is_plain(order) && order.lines.len() == 3).await;
    let ids: Vec<&str> = order.lines.iter().map(|line| line.line_id.as_str()).collect();
    lab.ship(&waybill(&order, &ids[..1], "SF0000000001")).await.unwrap();
    lab.ship(&waybill(&order, &ids[..1], "SF0000000001")).await.unwrap();
    lab.ship(&waybill(&order, &ids[1..], "SF0000000002")).await.unwrap();
    assert_eq!(lab.read(&order.order_id).await.status, OrderStatus::Shipped);
    let mut corrected = waybill(&order, &ids[1..], "SF0000000003");
    corrected.action = WaybillAction::Replace;
    lab.ship(&corrected).await.unwrap();
    let mut numbers: Vec<String> =
        lab.parcels(&order).into_iter().map(|(_, number)| number).collect();
    numbers.sort();
    assert_eq!(numbers, ["SF0000000001", "SF0000000003"]);
    let error = lab.ship(&waybill(&order, &[], "SF0000000004")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(lab.asked(super::waybill::OFFLINE).is_empty());
    assert!(lab.asked(super::waybill::RESEND).is_empty());
    // What is paid at the door has no newer call.
    let order = lab.order(|order| order.order_type == OrderType::CashOnDelivery).await;
    lab.ship(&waybill(&order, &[], "SF0000000005")).await.unwrap();
    assert_eq!(lab.parcels(&order), [("SF".to_owned(), "SF0000000005".to_owned())]);
}

#[tokio::test]
async fn an_unknown_carrier_costs_no_call_and_settings_can_name_it() {
    let lab = Lab::new();
    let order = lab.order(is_plain).await;
    let before = lab.api.asked().len();
    let mut parcel = waybill(&order, &[], "JD0000000001");
    parcel.carrier = "JD".to_owned();
    let error = lab.ship(&parcel).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("carrier")));
    assert_eq!(lab.api.asked().len(), before);
    parcel.carrier = "YUNDAA".to_owned();
    assert!(lab.ship(&parcel).await.unwrap_err().context().contains("YUNDA"), "names what is near");
    parcel.carrier = "JD".to_owned();
    let named = connector(json!({ "carriers": { "JD": "OTHER" } }));
    named.waybills().unwrap().ship(&session(&lab.api), &parcel).await.unwrap();
    let known = named.waybills().unwrap().shipped(&session(&lab.api), &order.order_id).await;
    assert_eq!(known.unwrap()[0].carrier, "JD", "and it is told apart when read back");
}

#[test]
fn every_company_of_the_recorded_list_has_a_code() {
    let list: Value =
        serde_json::from_str(include_str!("fixtures/logistics-companies-get.json")).unwrap();
    let list = &list["logistics_companies_get_response"]["logistics_companies"];
    let carriers = crate::contract::carriers::Carriers::default();
    for company in list["logistics_company"].as_array().unwrap() {
        let (code, name) = (company["code"].as_str().unwrap(), company["name"].as_str().unwrap());
        let canonical = carriers.canonical(name);
        assert_eq!(carriers.word(canonical, |carrier| carrier.company).unwrap(), code);
        assert_eq!(carriers.word(code, |carrier| carrier.company).unwrap(), code);
    }
    assert_eq!(carriers.word("YD", |carrier| carrier.company).unwrap(), "YUNDA");
    assert_eq!(carriers.canonical("某某快递"), "某某快递");
}

#[tokio::test]
async fn lists_ask_for_every_type_and_for_nobodys_account() {
    let lab = Lab::new();
    let order = lab.order(is_plain).await;
    let to = lab.api.now();
    let window = crate::contract::Window { from: to.minus(Duration::from_mins(1)), to };
    let orders = lab.connector.orders().unwrap();
    assert!(orders.count(&session(&lab.api), window).await.unwrap() > 0);
    let page = orders.page(&session(&lab.api), window, 1).await.unwrap();
    let modified = page.notices.iter().find_map(|notice| {
        let Event::OrderChanged { id, modified } = &notice.event else { return None };
        (*id == order.order_id).then_some(*modified)
    });
    let modified = modified.unwrap();
    assert_eq!(
        modified,
        Some(order.times.modified),
        "one change, one version, by list and by read"
    );
    for params in lab.asked(super::orders::LIST) {
        let types = params.iter().find(|(name, _)| name == "type").map(|(_, value)| value.as_str());
        for kind in ["fixed", "step", "cod", "eticket", "nopaid", "tmall_i18n"] {
            assert!(types.unwrap().split(',').any(|asked| asked == kind), "{kind} is not listed");
        }
    }
    let read = lab.asked(super::orders::READ);
    let (_, fields) = read[0].iter().find(|(name, _)| name == "fields").unwrap();
    for needed in [
        "oaid",
        "orders",
        "promotion_details",
        "step_paid_fee",
        "received_payment",
        "commission_fee",
        "seller_cod_fee",
        "credit_card_fee",
        "platform_subsidy_fee",
        "is_daixiao",
        "forbid_consign",
    ] {
        assert!(fields.split(',').any(|field| field == needed), "{needed} is not asked for");
    }
    for personal in ["buyer_email", "buyer_alipay_no", "alipay_id", "seller_mobile", "buyer_area"] {
        assert!(fields.split(',').all(|field| field != personal), "{personal} is asked for");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_kept_whole_and_stops_nobody() {
    let body = r#"{"trades_sold_increment_get_response":{"has_next":false,"trades":{"trade":[
        {"tid":1,"modified":"2026-11-01 00:00:00"},{"tid":2,"modified":"yesterday"}]}}}"#;
    let window = crate::contract::Window {
        from: Timestamp::from_unix_ms(1_794_326_430_000),
        to: Timestamp::from_unix_ms(1_794_326_430_000),
    };
    let connector = connector(json!({}));
    let orders = connector.orders().unwrap();
    let page = orders.page(&session(&Recorded(body)), window, 1).await.unwrap();
    assert!(matches!(&page.notices[0].event, Event::OrderChanged { id, .. } if id.as_str() == "1"));
    let Event::Suspect(suspect) = &page.notices[1].event else { panic!("no suspect") };
    assert_eq!((suspect.object_id.as_deref(), suspect.error.path()), (Some("2"), Some("modified")));
    let rewritten = include_str!("fixtures/trade-fullinfo-2021-step-rewritten.json");
    let id = OrderId::try_new("163288460521882636").unwrap();
    let notice = orders.order(&session(&Recorded(rewritten)), &id).await.unwrap();
    let Event::Suspect(suspect) = notice.event else { panic!("no suspect") };
    assert!(suspect.raw.starts_with(b"{") && suspect.raw.len() > 2000, "the raw trade is kept");
    let good = include_str!("fixtures/trade-fullinfo-2014-finished-shipped.json");
    let error = orders.order(&session(&Recorded(good)), &id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "an answer about another order");
}

#[tokio::test]
async fn a_refused_or_unreadable_renewal_needs_a_person() {
    let connector = connector(json!({}));
    let old = Token {
        access: Secret::new(TOKEN),
        refresh: Some(Secret::new("refresh-one")),
        expires_at: None,
    };
    let refused = r#"{"error_response":{"code":41,"msg":"Invalid arguments:refresh_token"}}"#;
    let error =
        r#"{"top_auth_token_refresh_response":{"token_result":"{\"error\":\"invalid_client\"}"}}"#;
    let empty = r#"{"top_auth_token_refresh_response":{"token_result":"{}"}}"#;
    for body in [refused, error, empty] {
        let api = Recorded(body);
        let error = connector.auth().renew(&session(&api), &old).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{body}");
    }
    let without = Token { refresh: None, ..old };
    let api = Recorded("{}");
    let error = connector.auth().renew(&session(&api), &without).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_renewed_session_is_read_with_its_end() {
    let recorded: Value =
        serde_json::from_str(include_str!("fixtures/oauth-token-2018.json")).unwrap();
    let body = json!({ "top_auth_token_refresh_response": {
        "token_result": recorded.to_string(), "request_id": "syn",
    } });
    let api = Recorded(body.to_string().leak());
    let old = Token {
        access: Secret::new(TOKEN),
        refresh: Some(Secret::new("refresh-one")),
        expires_at: None,
    };
    let token = connector(json!({})).auth().renew(&session(&api), &old).await.unwrap();
    assert_eq!(token.access.expose_str(), recorded["access_token"].as_str().unwrap());
    assert_eq!(token.refresh.unwrap().expose_str(), recorded["refresh_token"].as_str().unwrap());
    assert_eq!(token.expires_at, Some(Timestamp::from_unix_ms(1_528_990_391_000)));
}
