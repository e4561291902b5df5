//! Parcels: of which orders, with which goods, and what is done where the warehouse does not say enough.

use super::tests::{CONFIRM, Call, connector, decoded, decoded_with, now, refused, shown};
use crate::contract::model::ShipmentReport;
use crate::contract::{ErrorKind, Event};
use serde_json::{Value, json};

const METHOD: &str = "deliveryorder.confirm";
const MERGED: &str = include_str!("fixtures/deliveryorder-confirm-merged.xml");

fn golden(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn reports(body: &str) -> Vec<ShipmentReport> {
    let report = |event| {
        let Event::Shipment(report) = event else { panic!("no shipment") };
        *report
    };
    decoded(METHOD, body).unwrap().into_iter().map(|notice| report(notice.event)).collect()
}

/// Lines of a report as `sub-order*units`.
fn lines(report: &ShipmentReport) -> Vec<String> {
    report.lines.iter().map(|line| format!("{}*{}", line.line_id, line.quantity)).collect()
}

#[test]
fn a_confirmation_is_the_report_of_its_parcel() {
    let expected = golden(include_str!("fixtures/deliveryorder-confirm.event.json"));
    assert_eq!(shown(&decoded(METHOD, CONFIRM).unwrap()), expected);
    let full = decoded("taobao.qimen.deliveryorder.confirm", CONFIRM).unwrap();
    assert_eq!(shown(&full), expected, "the name of the method may stand in full");
    let json = include_str!("fixtures/deliveryorder-confirm.json");
    let bare = json.trim().strip_prefix("{\n  \"request\":").unwrap().strip_suffix('}').unwrap();
    for body in [json, bare] {
        assert_eq!(shown(&decoded(METHOD, body).unwrap()), expected);
    }
}

#[test]
fn merged_parcels_are_a_report_for_each_order_and_tell_nothing_of_people() {
    let notices = decoded(METHOD, MERGED).unwrap();
    let shown = shown(&notices);
    assert_eq!(shown, golden(include_str!("fixtures/deliveryorder-confirm-merged.event.json")));
    assert!(!shown.to_string().contains("小样"), "neither who packed nor who is invoiced");
}

#[test]
fn a_parcel_sent_again_is_the_same_report() {
    let first = reports(MERGED);
    assert_eq!(first, reports(MERGED));
    let other = reports(&MERGED.replace("msg-0007", "msg-0008"));
    assert_ne!(first, other, "another message id is another report");
}

#[test]
fn goods_that_could_be_of_several_lines_are_of_none() {
    // Which of the two lines of combs is in which parcel is not said any more.
    let unnamed = MERGED
        .replace("<orderLineNo>2</orderLineNo></item>", "</item>")
        .replace("<orderLineNo>3</orderLineNo></item>", "</item>");
    let found = reports(&unnamed);
    let orders: Vec<_> = found.iter().map(|report| report.order_id.as_str()).collect();
    let both = ["2067719225654838", "2067719225654840"];
    assert_eq!(orders, [both, both].concat(), "each parcel may be of both orders");
    assert!(found.iter().all(|report| report.lines.is_empty()));
    assert!(found.iter().all(|report| report.extensions.contains_key("items")));
}

#[test]
fn goods_of_several_lines_that_all_left_in_one_parcel_are_known() {
    let body = |units: u32| {
        format!(
            "<request><deliveryOrder><deliveryOrderCode>D</deliveryOrderCode></deliveryOrder>\
             <packages><package><logisticsCode>SF</logisticsCode><expressCode>SF1</expressCode>\
             <items><item><itemCode>A</itemCode><quantity>{units}</quantity></item></items></package></packages>\
             <orderLines><orderLine><orderSourceCode>1</orderSourceCode><subSourceCode>11</subSourceCode>\
             <itemCode>A</itemCode><actualQty>1</actualQty></orderLine>\
             <orderLine><orderSourceCode>2</orderSourceCode><subSourceCode>22</subSourceCode>\
             <itemCode>A</itemCode><actualQty>2</actualQty></orderLine></orderLines></request>"
        )
    };
    let found = reports(&body(3));
    assert_eq!(found.iter().map(lines).collect::<Vec<_>>(), [["11*1"], ["22*2"]]);
    let fewer = reports(&body(2));
    assert!(fewer.len() == 2 && fewer.iter().all(|report| report.lines.is_empty()));
    let other = "<package><logisticsCode>SF</logisticsCode><expressCode>SF2</expressCode>\
                 <items><item><itemCode>B</itemCode><quantity>1</quantity></item></items></package></packages>";
    let beside = reports(&body(3).replace("</packages>", other));
    let of_first = beside.iter().filter(|report| report.number == "SF1").map(lines);
    assert_eq!(of_first.collect::<Vec<_>>(), [["11*1"], ["22*2"]]);
    let unsaid = reports(&body(3).replace("<actualQty>2</actualQty>", "<planQty>2</planQty>"));
    assert!(unsaid.iter().all(|report| report.lines.is_empty()), "planned is not sent");
    let numbered = body(3)
        .replace("<orderLine><orderSourceCode>1<", "<orderLine><orderLineNo>1</orderLineNo><orderSourceCode>1<")
        .replace("<items>", "<items><item><itemCode>A</itemCode><quantity>1</quantity><orderLineNo>1</orderLineNo></item>");
    assert!(reports(&numbered).iter().all(|report| report.lines.is_empty()), "more than left");
    let nameless = reports(&body(3).replace("<subSourceCode>22</subSourceCode>", ""));
    assert_eq!((lines(&nameless[0]), lines(&nameless[1])), (vec!["11*1".to_owned()], vec![]));
}

#[test]
fn goods_of_another_line_or_of_none_are_of_none() {
    let item = "<itemCode>SKU-1-RED</itemCode><quantity>1</quantity>";
    let numbered = |number: &str| {
        let named = format!("{item}<orderLineNo>{number}</orderLineNo>");
        lines(&reports(&CONFIRM.replacen(item, &named, 1))[0])
    };
    assert_eq!(numbered("1"), ["2067719225654839*1"]);
    assert!(numbered("2").is_empty(), "the line with that number has no such goods");
    let unnumbered = CONFIRM.replacen("<orderLineNo>1</orderLineNo>", "", 1);
    let named = unnumbered.replacen(item, &format!("{item}<orderLineNo>7</orderLineNo>"), 1);
    assert_eq!(lines(&reports(&named)[0]), ["2067719225654839*1"]);
    let foreign =
        CONFIRM.replacen("<itemCode>SKU-1-RED</itemCode><q", "<itemCode>X</itemCode><q", 1);
    assert!(lines(&reports(&foreign)[0]).is_empty());
    assert_eq!(reports(&foreign)[0].order_id.as_str(), "2067719225654838");
}

#[test]
fn the_only_parcel_holds_all_that_left_where_it_names_no_goods() {
    let (head, rest) = CONFIRM.split_once("<items>").unwrap();
    let (_, tail) = rest.split_once("</items>").unwrap();
    let bare = format!("{head}{tail}");
    assert_eq!(lines(&reports(&bare)[0]), ["2067719225654839*1"]);
    let none_left = bare.replacen("<actualQty>1<", "<actualQty>0<", 1);
    assert!(lines(&reports(&none_left)[0]).is_empty());
    let unsaid = bare.replacen("<actualQty>1</actualQty>", "", 1);
    assert!(lines(&reports(&unsaid)[0]).is_empty(), "planned is not sent");
    let (before, parcel) = bare.split_once("<package>").unwrap();
    let second =
        "<package><logisticsCode>SF</logisticsCode><expressCode>SF2</expressCode></package>";
    let two = reports(&format!("{before}{second}<package>{parcel}"));
    assert!(two.len() == 2 && two.iter().all(|report| report.lines.is_empty()));
}

#[test]
fn without_an_order_of_the_channel_the_erps_own_number_stands_and_says_so() {
    let (head, rest) = CONFIRM.split_once("<orderLines>").unwrap();
    let (_, tail) = rest.split_once("</orderLines>").unwrap();
    let found = reports(&format!("{head}{tail}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].order_id.as_str(), "TB1234");
    assert_eq!(found[0].extensions["orderIdIs"], "deliveryOrderCode");
    assert!(found[0].lines.is_empty());
    assert!(!reports(CONFIRM)[0].extensions.contains_key("orderIdIs"));
}

#[test]
fn carriers_are_canonical_by_code_name_or_setting() {
    let carrier = |code: &str, name: &str| {
        let body = CONFIRM
            .replace("<logisticsCode>SF<", &format!("<logisticsCode>{code}<"))
            .replace("<logisticsName>顺丰<", &format!("<logisticsName>{name}<"));
        reports(&body)[0].carrier.clone()
    };
    for (code, name, expected) in [
        ("SF", "顺丰", "SF"),
        ("yto", "", "YTO"),
        ("OTHER", "极兔速递", "JTSD"),
        ("OTHER", "某某速递", "OTHER"),
        ("", "中通", "ZTO"),
        ("", "某某速递", "某某速递"),
        ("AMAZON", "顺丰", "AMAZON"),
    ] {
        assert_eq!(carrier(code, name), expected, "{code} {name}");
    }
    let body = CONFIRM.replace("<logisticsCode>SF<", "<logisticsCode>CP<");
    let settings = json!({ "carriers": { "CNKD": "CP" } });
    let raw = Call::of(METHOD, now()).with(body.as_bytes());
    let notices = decoded_with(settings, &raw).unwrap();
    assert_eq!(shown(&notices)[0]["shipment"]["carrier"], "CNKD");
}

#[test]
fn every_state_is_what_it_is_or_unknown() {
    for (word, status, kept) in [
        ("DELIVERED", "shipped", Some("DELIVERED")),
        ("PARTDELIVERED", "shipped", Some("PARTDELIVERED")),
        ("", "shipped", None),
        ("EXCEPTION", "unknown", Some("EXCEPTION")),
        ("CANCELED", "unknown", Some("CANCELED")),
        ("ACCEPT", "unknown", Some("ACCEPT")),
        ("奇怪", "unknown", Some("奇怪")),
    ] {
        let body = CONFIRM.replace(">DELIVERED<", &format!(">{word}<"));
        let shown = shown(&decoded(METHOD, &body).unwrap());
        assert_eq!(shown[0]["shipment"]["status"], status, "{word}");
        assert_eq!(shown[0]["shipment"].get("channel_status").and_then(Value::as_str), kept);
    }
}

#[test]
fn a_parcel_that_cannot_be_read_does_not_hold_up_the_other() {
    let broken = MERGED.replace("<quantity>3</quantity>", "<quantity>three</quantity>");
    let notices = decoded(METHOD, &broken).unwrap();
    assert_eq!(notices.len(), 3, "the first is of two orders");
    let Event::Suspect(suspect) = &notices[2].event else { panic!("not a suspect") };
    assert_eq!(suspect.error.path(), Some("packages.package[1].items.item[0].quantity"));
    assert_eq!(suspect.object_id.as_deref(), Some("78123456789012"));
    assert_eq!(suspect.raw, broken);
    let worse = broken.replace(" JDVA00123456789 ", "");
    let error = refused(METHOD, &worse);
    assert_eq!(error.kind(), ErrorKind::Malformed, "none can be read, so none is taken");
    assert_eq!(error.path(), Some("packages.package[0].expressCode"));
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    for (from, to, path) in [
        (">TB1234<", "><", "deliveryOrder.deliveryOrderCode"),
        (">2026-11-01 12:00:00<", ">2026-11-01T12:00:00<", "deliveryOrder.orderConfirmTime"),
        (">2026-11-01 12:00:00<", ">2026-02-30 12:00:00<", "deliveryOrder.orderConfirmTime"),
        (">W001<", ">W\n001<", "deliveryOrder.warehouseCode"),
        (">W001<", "><a>1</a><", "deliveryOrder.warehouseCode"),
        (">SF1234567890123<", "> <", "packages.package[0].expressCode"),
        (
            "<expressCode>",
            "<expressCode>1</expressCode><expressCode>",
            "packages.package[0].expressCode",
        ),
        ("<quantity>1<", "<quantity>-1<", "packages.package[0].items.item[0].quantity"),
        ("<quantity>1<", "<quantity>1.5<", "packages.package[0].items.item[0].quantity"),
        ("<quantity>1<", "<quantity>+1<", "packages.package[0].items.item[0].quantity"),
        ("<quantity>1<", "<quantity>4294967296<", "packages.package[0].items.item[0].quantity"),
        ("<quantity>1<", "<quantity><", "packages.package[0].items.item[0].quantity"),
        (
            "<itemCode>SKU-1-RED</itemCode><quantity>",
            "<quantity>",
            "packages.package[0].items.item[0].itemCode",
        ),
        (">2067719225654838<", ">206771 9225654838<", "orderLines.orderLine[0].orderSourceCode"),
        (
            "<planQty>1</planQty>\n      <actualQty>1<",
            "<actualQty>one<",
            "orderLines.orderLine[0].actualQty",
        ),
    ] {
        let body = CONFIRM.replacen(from, to, 1);
        assert_ne!(body, CONFIRM, "{from}");
        let error = refused(METHOD, &body);
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)), "{error}");
    }
    let empty = "<request><a>1</a></request>";
    assert_eq!(refused(METHOD, empty).path(), Some("deliveryOrder"));
}

#[test]
fn a_confirmation_without_parcels_is_kept_and_refused() {
    let (head, rest) = CONFIRM.split_once("<packages>").unwrap();
    let (_, tail) = rest.split_once("</packages>").unwrap();
    let error = refused(METHOD, &format!("{head}{tail}"));
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("packages")));
}

#[test]
fn only_methods_that_become_events_are_taken() {
    for method in [
        "orderprocess.report",
        "entryorder.confirm",
        "returnorder.confirm",
        "itemlack.report",
        "taobao.qimen.returnorder.confirm",
        "deliveryorder.create",
        "DeliveryOrder.Confirm",
    ] {
        let error = refused(method, CONFIRM);
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("method")), "{method}");
    }
    let known = refused("orderprocess.report", CONFIRM);
    assert_ne!(known.context(), refused("x", CONFIRM).context());
    let nameless = decoded_with(json!({}), &Call::of("", now()).with(CONFIRM.as_bytes()));
    assert_eq!(nameless.unwrap_err().path(), Some("method"));
}

#[test]
fn a_warehouse_of_another_customer_cannot_speak_for_the_shop() {
    let raw = Call::of(METHOD, now()).with(CONFIRM.as_bytes());
    let decode = |id: &str| decoded_with(json!({ "qimen_customer_id": id }), &raw);
    assert_eq!(decode("c测1").unwrap().len(), 1);
    assert_eq!(decode("c测1").unwrap()[0].shop, raw.shop);
    let error = decode("other").unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("customerId")));
    let mut nameless = Call::of(METHOD, now());
    nameless.params.retain(|(name, _)| *name != "customerId");
    let raw = nameless.with(CONFIRM.as_bytes());
    let refused = decoded_with(json!({ "qimen_customer_id": "c测1" }), &raw).unwrap_err();
    assert_eq!(refused.path(), Some("customerId"));
    assert!(!format!("{:?}", connector(json!({}))).contains("helloworld"));
}
