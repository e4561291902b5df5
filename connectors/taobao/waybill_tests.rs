//! What is made of refusals of the calls that ship, from scripted answers.

use super::tests::shop;
use super::waybill::{ASCP_RESEND, ASCP_SEND, DUMMY, LIST, OFFLINE, RESEND};
use super::{ENTRY, orders};
use crate::contract::model::{OrderId, Timestamp, Waybill, WaybillAction, WaybillLine};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Error, ErrorKind, Result, Session, ShopSetup,
};
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;

const NUMBER: &str = "SF0000000001";

/// Expects calls in turn, with the answer to each, and remembers them.
#[derive(Debug)]
struct Says {
    answers: Mutex<VecDeque<(&'static str, Value)>>,
    asked: Mutex<Vec<ApiRequest>>,
}

#[async_trait]
impl ChannelApi for Says {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        let (api, body) = self.answers.lock().pop_front().expect("no more calls than answers");
        assert_eq!(request.api, api);
        self.asked.lock().push(request);
        let body = body.to_string().into();
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body);
        super::errors::classify(&reply).map(|()| reply)
    }
}

async fn told(
    action: WaybillAction,
    lines: &[&str],
    answers: &[(&'static str, Value)],
) -> (Option<Error>, Vec<ApiRequest>) {
    told_with(Value::Null, action, lines, answers).await
}

async fn told_with(
    settings: Value,
    action: WaybillAction,
    lines: &[&str],
    answers: &[(&'static str, Value)],
) -> (Option<Error>, Vec<ApiRequest>) {
    let setup = ShopSetup { shop: shop().shop, settings };
    let (shop, connector) = (shop().shop, (ENTRY.build)(setup).unwrap());
    let answers = Mutex::new(answers.iter().cloned().collect());
    let api = Says { answers, asked: Mutex::default() };
    let now = Timestamp::from_unix_ms(1_794_326_430_000);
    let session = Session { shop: &shop, api: &api, app_key: "12345678", now };
    let line = |id: &&str| WaybillLine { line_id: (*id).to_owned(), quantity: 1 };
    let waybill = Waybill {
        order_id: OrderId::try_new("1").unwrap(),
        action,
        carrier: "SF".to_owned(),
        number: NUMBER.to_owned(),
        lines: lines.iter().map(line).collect(),
    };
    let told = connector.waybills().unwrap().ship(&session, &waybill).await;
    assert!(api.answers.lock().is_empty(), "an answer was not asked for");
    (told.err(), api.asked.lock().clone())
}

fn refused(service: &str, code: &str) -> Value {
    let sub_code = format!("isv.logistics-{service}-error:{code}");
    json!({ "error_response": { "code": 15, "msg": "Remote service error", "sub_code": sub_code } })
}

fn done() -> Value {
    json!({ "x_response": { "shipping": { "is_success": true } } })
}

/// The trade, with its lines and its status.
fn trade(status: &str) -> Value {
    let orders = json!({ "order": [{ "oid": 11 }, { "oid": 12 }] });
    json!({ "x_response": { "trade": { "tid": 1, "status": status, "orders": orders } } })
}

fn parcels(number: &str) -> Value {
    let parcel = json!({ "out_sid": number, "company_name": "顺丰速运" });
    json!({ "x_response": { "shippings": { "shipping": [parcel] } } })
}

fn names_lines(request: &ApiRequest) -> bool {
    request.params.iter().any(|(name, _)| name == "sub_tid")
}

#[tokio::test]
async fn a_refused_split_is_told_whole_only_where_the_parcel_holds_every_line() {
    let (ship, replace) = (WaybillAction::Ship, WaybillAction::Replace);
    for (action, api, service) in
        [(ship, OFFLINE, "offline-service"), (replace, RESEND, "update-company-or-mailno")]
    {
        let split = (api, refused(service, "CD29"));
        let lines = (orders::READ, trade("WAIT_SELLER_SEND_GOODS"));
        let whole = [split.clone(), lines.clone(), (api, done())];
        let (error, asked) = told(action, &["11", "12"], &whole).await;
        assert_eq!(error, None);
        assert!(names_lines(&asked[0]) && !names_lines(&asked[2]));
        // Told whole, the other line would be shipped with it.
        let mut part = vec![split, lines];
        if action == replace {
            part.push((LIST, parcels("SF9999999999")));
        }
        let error = told(action, &["11"], &part).await.0.unwrap();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.channel_code().unwrap().ends_with(":CD29"), "{error}");
    }
}

#[tokio::test]
async fn a_correction_that_was_made_before_is_no_refusal() {
    let replace = WaybillAction::Replace;
    let no = |code| (RESEND, refused("update-company-or-mailno", code));
    let (error, _) = told(replace, &[], &[no("P10"), (LIST, parcels(NUMBER))]).await;
    assert_eq!(error, None, "the answer was lost the first time");
    let (error, _) = told(replace, &[], &[no("P10"), (LIST, parcels("SF9999999999"))]).await;
    assert!(error.unwrap().channel_code().unwrap().ends_with(":P10"));
    // What never left has no number to correct, whatever other lines have.
    let (error, asked) = told(replace, &[], &[no("CD19")]).await;
    let error = error.unwrap();
    assert_eq!((error.kind(), asked.len()), (ErrorKind::Rejected, 1));
    let busy =
        json!({ "error_response": { "code": 15, "sub_code": "isp.remote-service-timeout" } });
    let (error, _) = told(replace, &[], &[(RESEND, busy)]).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_needs_no_parcel_is_done_before_only_where_the_trade_says_so() {
    for code in ["B04", "B27"] {
        for (status, is_done) in [
            ("WAIT_BUYER_CONFIRM_GOODS", true),
            ("TRADE_BUYER_SIGNED", true),
            ("TRADE_FINISHED", true),
            ("TRADE_CLOSED", false),
            ("TRADE_CLOSED_BY_TAOBAO", false),
            ("WAIT_SELLER_SEND_GOODS", false),
        ] {
            let answers = [(DUMMY, refused("dummy-service", code)), (orders::READ, trade(status))];
            let (error, _) = told(WaybillAction::NoParcel, &[], &answers).await;
            assert_eq!(error.is_none(), is_done, "{code}, {status}");
            if let Some(error) = error {
                assert_eq!(error.kind(), ErrorKind::Rejected);
                assert!(error.channel_code().unwrap().ends_with(code));
            }
        }
    }
    let (error, _) =
        told(WaybillAction::NoParcel, &[], &[(DUMMY, refused("dummy-service", "B02"))]).await;
    assert!(error.unwrap().channel_code().unwrap().ends_with(":B02"));
    assert_eq!(told(WaybillAction::NoParcel, &[], &[(DUMMY, done())]).await.0, None);
}

#[tokio::test]
async fn a_refusal_by_a_newer_call_is_looked_into_because_nobody_says_which_means_already() {
    let settings = || json!({ "ship_with": "ascp" });
    let refused = json!({ "error_response": {
        "code": 15, "msg": "Remote service error", "sub_code": "isv.some-error:NEW",
    } });
    for (action, api) in [(WaybillAction::Ship, ASCP_SEND), (WaybillAction::Replace, ASCP_RESEND)] {
        for (number, is_done) in [(NUMBER, true), ("SF9999999999", false)] {
            let answers = [(api, refused.clone()), (LIST, parcels(number))];
            let (error, asked) = told_with(settings(), action, &[], &answers).await;
            assert_eq!(error.is_none(), is_done, "{api}, {number}");
            let parcel = json!([{ "company_code": "SF", "out_sid": NUMBER }]).to_string();
            assert!(asked[0].params.contains(&("consign_pkgs".into(), parcel)), "{asked:?}");
            if let Some(error) = error {
                assert_eq!(error.channel_code(), Some("isv.some-error:NEW"));
            }
        }
        // Other lines may have left with this number.
        let answers = [(api, refused.clone())];
        let error = told_with(settings(), action, &["11"], &answers).await.0.unwrap();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        let done = [(api, json!({ "x_response": { "result": { "success": true } } }))];
        assert_eq!(told_with(settings(), action, &["11"], &done).await.0, None);
        let not = [(api, json!({ "x_response": { "result": { "success": false } } }))];
        assert!(told_with(settings(), action, &["11"], &not).await.0.is_some());
    }
    let unknown = ShopSetup { shop: shop().shop, settings: json!({ "ship_with": "pigeon" }) };
    assert_eq!((ENTRY.build)(unknown).unwrap_err().path(), Some("ship_with"));
}
