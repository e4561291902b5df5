//! Every documented error, and what the caller does next.

use super::errors::classify;
use crate::contract::{ApiReply, ErrorKind};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const THROTTLED: ErrorKind = ErrorKind::Throttled { retry_after: None };

fn wait(seconds: u64) -> ErrorKind {
    ErrorKind::Throttled { retry_after: Some(Duration::from_secs(seconds)) }
}

fn reply(body: impl Into<Bytes>) -> ApiReply {
    ApiReply::new(StatusCode::OK, HeaderMap::new(), body.into())
}

fn kind(code: i64, sub_code: &str, sub_msg: &str) -> ErrorKind {
    let body = json!({ "error_response": {
        "code": code, "msg": "Remote service error", "sub_code": sub_code, "sub_msg": sub_msg,
        "request_id": "syn",
    } });
    classify(&reply(body.to_string())).unwrap_err().kind()
}

#[test]
fn recorded_errors_say_what_to_do_next() {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/errors.json")).unwrap();
    let expected = [
        ("invalid_signature_real", ErrorKind::Unauthorized, "25"),
        ("invalid_session", ErrorKind::Unauthorized, "invalid-sessionkey"),
        ("app_call_limited_day", wait(31062), "accesscontrol.limited-by-app-access-count"),
        ("app_call_limited_api", wait(1), "accesscontrol.limited-by-api-access-count"),
        ("already_shipped_B04", ErrorKind::Rejected, "isv.logistics-offline-service-error:B04"),
        ("bad_waybill_B60", ErrorKind::Rejected, "isv.logistics-offline-service-error:B60"),
        ("ship_retry_B150", ErrorKind::Unavailable, "isv.logistics-offline-service-error:B150"),
        ("remote_timeout", ErrorKind::Unavailable, "isp.top-remote-connection-timeout"),
        ("missing_argument", ErrorKind::Rejected, "isv.missing-parameter:fields"),
        ("invalid_timestamp", ErrorKind::Unavailable, "31"),
        ("stock_item_gone", ErrorKind::Rejected, "isv.item-not-exist:invalid-numIid-or-iid"),
        ("stock_service_unavailable_real", THROTTLED, "isp.service-unavailable-tmall"),
    ];
    let entries = recorded.as_object().unwrap().len();
    assert_eq!(entries, expected.len(), "every entry is judged");
    for (name, kind, code) in expected {
        let error = classify(&reply(recorded[name].to_string())).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.channel_code(), Some(code), "{name}");
    }
}

#[test]
fn gateway_codes_are_judged_without_a_sub_code() {
    let table: [(&[i64], ErrorKind); 5] = [
        (&[1, 3, 10, 15, 30, 31, 44, 50, 520, 530, 670], ErrorKind::Unavailable),
        (&[4, 5, 6, 7, 8], THROTTLED),
        (&[9, 21, 22, 23, 32, 33, 34, 40, 41, 43, 45, 46, 47], ErrorKind::Rejected),
        (&[11, 12, 13, 24, 25, 26, 27, 28, 29, 42, 53], ErrorKind::Unauthorized),
        // Nobody knows what this is, so nothing is given up for it.
        (&[999], ErrorKind::Unavailable),
    ];
    for (codes, expected) in table {
        for code in codes {
            assert_eq!(kind(*code, "", ""), expected, "{code}");
        }
    }
}

#[test]
fn sub_codes_are_judged_before_codes() {
    let rows = [
        (27, "session-expired", ErrorKind::Unauthorized),
        (27, "session-not-exist", ErrorKind::Unauthorized),
        (
            27,
            "sessionkey-not-generated-by-server:RealSession don't belong app and user",
            ErrorKind::Unauthorized,
        ),
        (15, "isv.invalid-persistent-session-pattern", ErrorKind::Unauthorized),
        (11, "isv.permission-api-package-limit", ErrorKind::Unauthorized),
        (15, "isp.top-remote-connection-timeout-tmall", ErrorKind::Unavailable),
        (15, "isp.top-remote-service-unavailable", ErrorKind::Unavailable),
        (15, "isp.top-remote-connection-control-error", ErrorKind::Unavailable),
        (15, "isp.top-remote-unknown-error", ErrorKind::Unavailable),
        (520, "isp.remote-connection-error", ErrorKind::Unavailable),
        (520, "isp.remote-service-timeout", ErrorKind::Unavailable),
        (15, "isp.remote-service-error", ErrorKind::Unavailable),
        (15, "isp.null-pointer-exception", ErrorKind::Unavailable),
        (15, "isp.service-error", ErrorKind::Unavailable),
        (15, "isp.top-mapping-parse-error", ErrorKind::Unavailable),
        (15, "isp.unknown-error", ErrorKind::Unavailable),
        (15, "isp.redirect-error", ErrorKind::Unavailable),
        (15, "isp.waybill-service-unavailable", ErrorKind::Unavailable),
        (15, "isp.item-update-service-error:GENERIC_FAILURE", ErrorKind::Unavailable),
        (
            15,
            "isp.item-update-service-error:IC_SYSTEM_NOT_READY_TRY_AGAIN_LATER",
            ErrorKind::Unavailable,
        ),
        (15, "isp.call-limited", THROTTLED),
        (530, "isp.system-busy", THROTTLED),
        (7, "accesscontrol.limited-by-app-api-access-count", THROTTLED),
        (7, "accesscontrol.limited-by-dynamic-access-count", THROTTLED),
        (15, "isv.access-limited-by-app", THROTTLED),
        (15, "isv.timestamp-limit-error", ErrorKind::Unavailable),
        (15, "isv.replayattack-timestamp-invalid-error", ErrorKind::Unavailable),
        (15, "isv.request-replay-error", ErrorKind::Unavailable),
        (520, "isv.trade-service-rejection", wait(180)),
        (530, "isv.item-is-delete:invalid-numIid-or-iid-tmall", ErrorKind::Rejected),
        (530, "isv.invalid-parameter:sku-properties", ErrorKind::Rejected),
        (
            530,
            "isv.item-update-service-error:FORBIDDEN_QUANTITY_ZERO_ERROR-tmall",
            ErrorKind::Rejected,
        ),
        (530, "isv.item-update-service-error:IC_CHECKSTEP_ERROR", ErrorKind::Rejected),
        (530, "isv.item-quantity-sku-update-service-error-tmall", ErrorKind::Rejected),
        (15, "isv.invalid-parameter:seller_nick:P17", ErrorKind::Rejected),
        (15, "isv.something-new", ErrorKind::Rejected),
        (15, "isp.something-new", ErrorKind::Unavailable),
    ];
    for (code, sub_code, expected) in rows {
        assert_eq!(kind(code, sub_code, "其他错误"), expected, "{sub_code}");
    }
}

#[test]
fn codes_of_shipping_are_judged_by_their_last_part() {
    let final_ones = [
        "B01",
        "B02",
        "B04",
        "B27",
        "B55",
        "B56",
        "B57",
        "B59",
        "B60",
        "B98",
        "B101",
        "B109",
        "B110",
        "P01",
        "P02",
        "P22",
        "P25",
        "P38",
        "CD01",
        "CD06",
        "CD22",
        "CD25",
        "CD29",
        "CD31",
        "CD86",
        "F",
        "F01",
        "F06",
        "AT0011",
        "ORDER_NOT_FOUND_ERROR",
    ];
    for code in final_ones {
        let sub_code = format!("isv.logistics-offline-service-error:{code}");
        assert_eq!(kind(15, &sub_code, ""), ErrorKind::Rejected, "{code}");
    }
    for code in ["B150", "S01", "R98"] {
        let sub_code = format!("isv.logistics-online-service-error:{code}");
        assert_eq!(kind(15, &sub_code, ""), ErrorKind::Unavailable, "{code}");
    }
    let session = kind(15, "isv.logistics-offline-service-error:P03", "");
    assert_eq!(session, ErrorKind::Unauthorized);
    assert_eq!(kind(15, "isp.logistics-online-service-error:S01", ""), ErrorKind::Unavailable);
}

#[test]
fn narrow_texts_are_tried_before_wide_ones() {
    let busy = "库存中心服务正忙，请稍后再试";
    let rows = [
        (busy, ErrorKind::Unavailable),
        ("库存中心服务正忙，请稍后再试, 编辑库存数不能低于预扣库存数！", ErrorKind::Rejected),
        ("数据存储服务正在维护中", ErrorKind::Unavailable),
        ("数据存储服务正忙", ErrorKind::Unavailable),
        ("远程服务调用超时", ErrorKind::Unavailable),
        ("获取单个商品异常!", ErrorKind::Rejected),
        ("没有找到SKUID", ErrorKind::Rejected),
        ("没有找到宝贝对应的SKU", ErrorKind::Rejected),
        ("SKU不存在", ErrorKind::Rejected),
        ("该商品已被删除", ErrorKind::Rejected),
        ("该商品为#聚划算#商品", ErrorKind::Rejected),
        ("聚划算商品禁止修改库存", ErrorKind::Rejected),
        ("活动商品只能增加库存", ErrorKind::Rejected),
        ("分销平台代销商品禁止改库存", ErrorKind::Rejected),
        ("预售商品不能全量更新", ErrorKind::Rejected),
        ("该商品不支持全量修改", ErrorKind::Rejected),
        ("该商品被系统锁定", ErrorKind::Rejected),
        ("商品限流", THROTTLED),
        ("调用接口频率太快", THROTTLED),
        ("This ban will last for 1 more seconds", wait(1)),
        ("超时请求过多，请将查询时间间隔缩短,3分钟后再查询", wait(180)),
    ];
    for (text, expected) in rows {
        assert_eq!(
            kind(530, "isv.item-quantity-sku-update-service-error-tmall", text),
            expected,
            "{text}"
        );
    }
}

#[test]
fn what_is_not_json_comes_from_something_in_front_of_the_channel() {
    let xml = include_str!("fixtures/error-synthetic.xml");
    for body in [xml, "", "<html>502 Bad Gateway</html>", r#"{"error_response":"#] {
        let error = classify(&reply(body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
    }
    let busy = ApiReply { status: StatusCode::SERVICE_UNAVAILABLE, ..reply("{}") };
    assert_eq!(classify(&busy).unwrap_err().kind(), ErrorKind::Unavailable);
    for good in [
        include_str!("fixtures/ok-logistics-offline-send.json"),
        include_str!("fixtures/trades-sold-increment-get-empty-synthetic.json"),
        include_str!("fixtures/skus-quantity-update-2013-real.json"),
    ] {
        classify(&reply(good)).unwrap();
    }
}

#[test]
fn an_error_with_any_status_is_judged_by_its_body_and_quotes_no_text() {
    let body =
        r#" { "error_response" : {"code":"27","msg":"Invalid session","sub_msg":"13800000000"}}"#;
    let answer = ApiReply { status: StatusCode::FORBIDDEN, ..reply(body) };
    let error = classify(&answer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!error.to_string().contains("138"));
    let odd = json!({ "error_response": { "code": 15, "sub_code": "张三 13800000000" } });
    let error = classify(&reply(odd.to_string())).unwrap_err();
    assert_eq!(error.channel_code(), Some("15"));
}
