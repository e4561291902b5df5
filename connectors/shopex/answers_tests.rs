//! What recorded answers mean, and what is none.

use super::answers::{Answer, DELIVERY_EXISTS, answer, classify};
use super::sign_tests::recorded;
use crate::contract::{ApiReply, ErrorKind};
use http::{HeaderMap, StatusCode};

fn reply(status: u16, body: &str) -> ApiReply {
    let status = StatusCode::from_u16(status).unwrap();
    ApiReply::new(status, HeaderMap::new(), body.as_bytes().to_vec().into())
}

#[track_caller]
fn judged(body: &str) -> (ErrorKind, Option<String>) {
    let error = classify(&reply(200, body)).unwrap_err();
    (error.kind(), error.channel_code().map(str::to_owned))
}

#[test]
fn every_recorded_refusal_says_what_to_do_next() {
    use ErrorKind::{Rejected, Unauthorized};
    let table = [
        ("ecstore-badsign", Unauthorized, Some("4003")),
        ("ecstore-short-method", Rejected, Some("4001")),
        ("ecstore-unknown-method", Rejected, None),
        ("ecstore-order-search-err-nostart", Rejected, Some("7001")),
        ("ecstore-order-search-err-pagesize", Rejected, Some("7006")),
        ("ecstore-order-detail-notid", Rejected, Some("7001")),
        ("ecstore-delivery-create-dup-bn", Rejected, Some(DELIVERY_EXISTS)),
        ("ecstore-delivery-create-badbn", Rejected, Some("no_open_line")),
        ("ecstore-delivery-create-noitems", Rejected, Some("no_lines")),
        ("ecstore-delivery-create-noid", Rejected, None),
        ("ecstore-stock-update-empty", Rejected, None),
    ];
    for (name, kind, code) in table {
        let found = judged(&recorded(name).1);
        assert_eq!(found, (kind, code.map(str::to_owned)), "{name}");
    }
}

#[test]
fn recorded_successes_are_told_apart() {
    for name in [
        "ecstore-order-detail",
        "ecstore-order-search",
        "ecstore-order-search-empty",
        "ecstore-delivery-create",
        "ecstore-delivery-update-succ",
        "ecstore-stock-update",
        "ecstore-remark",
        "ecstore-ship-status",
        "ecstore-async-callback-ok",
    ] {
        let body = recorded(name).1;
        classify(&reply(200, &body)).unwrap();
        assert!(matches!(answer(body.as_bytes()).unwrap(), Answer::Data(_)), "{name}");
    }
    let used = recorded("ecstore-delivery-create-same-task").1;
    classify(&reply(200, &used)).unwrap();
    assert!(matches!(answer(used.as_bytes()).unwrap(), Answer::TaskUsed));
    let partly = recorded("ecstore-stock-update-partial").1;
    classify(&reply(200, &partly)).unwrap();
    assert!(matches!(answer(partly.as_bytes()).unwrap(), Answer::Partly(_)));
    let running = recorded("ecstore-push-01-store.trade.add").1;
    assert!(matches!(answer(running.as_bytes()).unwrap(), Answer::Running));
}

#[test]
fn codes_of_the_hub_and_of_485_say_what_to_do_next() {
    use ErrorKind::{Rejected, Unauthorized, Unavailable};
    for (code, kind) in [
        ("W90010", Rejected),
        ("W90012", Rejected),
        ("W90011", Rejected),
        ("W90013", Rejected),
        ("W90014", Rejected),
        ("G40012", Unavailable),
        ("e00090", Unavailable),
        ("ERP00090", Unavailable),
        ("W30012", Unavailable),
        ("re001", Unavailable),
        ("4007", Unavailable),
        ("4003", Unauthorized),
    ] {
        let body =
            format!(r#"{{"rsp":"fail","msg_id":"1","res":"{code}","err_msg":"x","data":""}}"#);
        assert_eq!(judged(&body), (kind, Some(code.to_owned())), "{code}");
    }
    for (code, kind) in [
        ("0x001", Unauthorized),
        ("0x002", Unavailable),
        ("0x003", Rejected),
        ("0x004", Unavailable),
        ("0x008", Rejected),
        ("0x009", Unauthorized),
        ("0x019", Unavailable),
    ] {
        let framework = format!(r#"{{"msg":"x","result":"fail","info":"{code}"}}"#);
        assert_eq!(judged(&framework), (kind, Some(code.to_owned())), "{code}");
        let own = format!(r#"{{"result":"fail","msg_code":"{code}","msg":"x","info":"文字"}}"#);
        assert_eq!(judged(&own), (kind, Some(code.to_owned())), "{code}");
    }
    let exists =
        r#"{"result":"fail","msg_code":"0x003","msg":"数据异常","info":"发货单/退货单已存在"}"#;
    assert_eq!(judged(exists), (Rejected, Some(DELIVERY_EXISTS.to_owned())));
    assert_eq!(judged(r#"{"result":"wait"}"#).0, Unavailable);
}

#[test]
fn what_is_not_json_is_never_a_success() {
    for body in [
        "",
        "null",
        "<html><body>502 Bad Gateway</body></html>",
        "<br />\n<b>Warning</b>: mysql_query() in <b>orders.php</b>\n{\"rsp\":\"succ\",\"data\":true}",
        "{\"rsp\":\"succ\",\"data\":tr",
        "{\"rsp\":true}",
        "{\"rsp\":\"yes\"}",
        "{\"data\":true}",
        "[]",
        "{\"result\":\"maybe\"}",
    ] {
        assert_eq!(judged(body).0, ErrorKind::Unavailable, "{body}");
    }
    let whole = recorded("ecstore-stock-update").1;
    for (length, _) in whole.char_indices() {
        assert_eq!(judged(whole.split_at(length).0).0, ErrorKind::Unavailable, "{length}");
    }
    // What was read of the whole answer says nothing of a part of it.
    let read = reply(200, &whole);
    classify(&read).unwrap();
    for length in 0..whole.len() {
        let cut = ApiReply { body: read.body.slice(..length), ..read.clone() };
        assert_eq!(classify(&cut).unwrap_err().kind(), ErrorKind::Unavailable, "{length}");
    }
    let status = |status| classify(&reply(status, &whole)).unwrap_err().kind();
    assert_eq!(status(502), ErrorKind::Unavailable);
    assert_eq!(status(429), ErrorKind::Throttled { retry_after: None });
}

#[test]
fn a_refusal_in_unknown_words_repeats_none_of_them() {
    let body = r#"{"rsp":"fail","res":"张小样 13800000001 的订单不能发货","data":{"tid":"1"}}"#;
    let error = classify(&reply(200, body)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(!format!("{error} {error:?}").contains("13800000001"));
    for res in ["13800000001", "\"13800000001\"", "13800000001123456789", "\"X13800000001\""] {
        let body = format!(r#"{{"rsp":"fail","res":{res},"data":null}}"#);
        let error = classify(&reply(200, &body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(!format!("{error}").contains("13800000001"), "{error}");
    }
}

#[test]
fn an_answer_in_gbk_is_none() {
    let text = r#"{"rsp":"fail","res":"发货单已经存在了！","data":null}"#;
    let body = encoding_rs::GBK.encode(text).0.into_owned();
    let reply = ApiReply { body: body.into(), ..reply(200, "") };
    assert_eq!(classify(&reply).unwrap_err().kind(), ErrorKind::Unavailable);
}
