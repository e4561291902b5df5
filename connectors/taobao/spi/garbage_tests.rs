//! Bodies that are signed and cannot be right: refused with a reason, never read as something else, never a panic.

use super::tests::{CHANGE, CONFIRM, Call, decoded, decoded_with, now, refused, shown};
use crate::contract::ErrorKind;
use encoding_rs::GBK;
use serde_json::json;

const METHOD: &str = "deliveryorder.confirm";
const JSON: &str = include_str!("fixtures/deliveryorder-confirm.json");
const COUNT: &str = include_str!("fixtures/inventory-report.json");

#[test]
fn a_body_cut_off_anywhere_is_refused() {
    for (method, body) in [
        (METHOD, CONFIRM),
        (METHOD, JSON),
        ("stockchange.report", CHANGE),
        ("inventory.report", COUNT),
    ] {
        let whole = body.trim_end();
        for length in 0..whole.len() {
            let cut = &whole.as_bytes()[..length];
            let raw = Call::of(method, now()).with(cut);
            let error = decoded_with(json!({}), &raw).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{method} cut off at {length}");
        }
        assert!(decoded(method, whole).is_ok());
    }
}

#[test]
fn a_changed_byte_is_refused_or_changes_what_is_read_and_nothing_else_happens() {
    for body in [CONFIRM, JSON] {
        for at in 0..body.len() {
            for byte in [0, b'<', b'"', b'9', 0xff] {
                let mut bytes = body.as_bytes().to_vec();
                bytes[at] = byte;
                if let Err(error) = decoded_with(json!({}), &Call::of(METHOD, now()).with(&bytes)) {
                    let kept = matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Rejected);
                    assert!(kept, "{error}");
                }
            }
        }
    }
}

#[test]
fn xml_that_unfolds_is_refused() {
    let laughs = "<!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let outside = "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>";
    for doctype in [laughs, outside, "<!DOCTYPE request>", "<!DOCTYPE r SYSTEM \"http://x/y.dtd\">"]
    {
        let error = refused(METHOD, &CONFIRM.replace("<request>", &format!("{doctype}<request>")));
        assert_eq!(error.context(), "a document type is not taken", "{doctype}");
    }
    let entity = CONFIRM.replace(">W001<", ">&b;<");
    assert_eq!(refused(METHOD, &entity).context(), "not valid XML");
    let within = CONFIRM.replace("<packages>", "<!DOCTYPE request><packages>");
    assert_eq!(refused(METHOD, &within).kind(), ErrorKind::Malformed);
}

#[test]
fn what_is_nested_deeply_is_refused() {
    for (open, close) in [("<a>", "</a>"), ("{\"a\":", "}"), ("[", "]")] {
        let (inside, wrap) = if open == "<a>" { ("", "request") } else { ("1", "") };
        for depth in [40, 200, 100_000] {
            let nested = format!("{}{inside}{}", open.repeat(depth), close.repeat(depth));
            let body = match wrap {
                "" => format!("{{\"request\":{nested}}}"),
                root => format!("<{root}>{nested}</{root}>"),
            };
            let error = refused(METHOD, &body);
            assert_eq!(error.kind(), ErrorKind::Malformed);
            if depth > 128 {
                assert_eq!(error.context(), "nested too deeply", "{open} {depth}");
            }
        }
    }
}

#[test]
fn another_charset_is_refused_whatever_was_signed() {
    let gbk = GBK.encode(CONFIRM).0.into_owned();
    let call = |content_type| Call { content_type, ..Call::of(METHOD, now()) };
    let said = |content_type, body: &[u8]| {
        decoded_with(json!({}), &call(content_type).with(body)).map_err(|error| error.to_string())
    };
    let refusal = "expected UTF-8".to_owned();
    assert_eq!(said(Some("text/xml"), &gbk).unwrap_err(), refusal);
    assert_eq!(said(Some("text/xml;charset=gbk"), &gbk).unwrap_err(), refusal);
    assert_eq!(said(Some("text/xml;charset=GBK"), CONFIRM.as_bytes()).unwrap_err(), refusal);
    let declared = CONFIRM.replace("encoding=\"utf-8\"", "encoding=\"GBK\"");
    assert_eq!(said(Some("text/xml"), declared.as_bytes()).unwrap_err(), refusal);
    let utf16: Vec<u8> = CONFIRM.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(said(Some("text/xml"), &utf16).is_err());
    for right in ["text/xml;charset=UTF-8", "text/xml; charset=\"utf-8\"", "text/plain"] {
        assert!(said(Some(right), CONFIRM.as_bytes()).is_ok(), "{right}");
    }
    let marked = format!("\u{feff}{CONFIRM}");
    assert!(said(Some("text/xml"), marked.as_bytes()).is_ok());
    let ascii = CONFIRM.replace("顺丰", "SF");
    assert!(said(Some("text/xml;charset=gbk"), ascii.as_bytes()).is_ok(), "ASCII is in every one");
    let foreign = Call::of(METHOD, now()).with(CONFIRM.as_bytes());
    let query = foreign.query.replace("c%E6%B5%8B1", "c%B2%E21");
    assert_ne!(query, foreign.query, "signed bytes of a query are what was sent, in any charset");
}

#[test]
fn what_is_no_request_is_refused() {
    for body in [
        "",
        " \n",
        "<html><body>502 Bad Gateway</body></html>",
        "<!doctype html><html></html>",
        "method=deliveryorder.confirm",
        "[]",
        "null",
        "{}",
        "{\"request\":[]}",
        "{\"request\":{\"deliveryOrder\":\"x\"}}",
        "<request/>",
        "<request></request>",
        "<request>text</request>",
        "<response><flag>success</flag></response>",
        "<request><deliveryOrder>x</deliveryOrder></request>",
        "<request><deliveryOrder/></request><request/>",
        "<request>x<deliveryOrder/></request>",
        "text<request><deliveryOrder/></request>",
        "<request><deliveryOrder></request></deliveryOrder>",
    ] {
        let error = refused(METHOD, body);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}: {error}");
        assert!(!error.to_string().contains("502"));
    }
    let other = CONFIRM.replace("request>", "order>");
    assert_eq!(refused(METHOD, &other).context(), "expected an element `request`");
    let form =
        Call { content_type: Some("application/x-www-form-urlencoded"), ..Call::of(METHOD, now()) };
    assert_eq!(decoded_with(json!({}), &form.with(b"")).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn escapes_and_cdata_are_read_as_what_they_mean() {
    let body = CONFIRM
        .replace(">W001<", "><![CDATA[W&1]]><")
        .replace(">TB1234<", ">TB&#49;2&#x33;4&amp;<")
        .replace("<packages>", "<?pi?><!-- <packages> --><packages>");
    let shown = shown(&decoded(METHOD, &body).unwrap());
    assert_eq!(shown[0]["shipment"]["warehouse"], "W&1");
    assert_eq!(shown[0]["shipment"]["extensions"]["deliveryOrderCode"], "TB1234&");
}

#[test]
fn json_of_another_shape_is_refused_with_its_path() {
    for (from, to, path) in [
        ("\"TB1234\"", "null", "deliveryOrder.deliveryOrderCode"),
        ("\"TB1234\"", "{\"a\":1}", "deliveryOrder.deliveryOrderCode"),
        ("\"TB1234\"", "[\"TB1234\"]", "deliveryOrder.deliveryOrderCode"),
        ("\"SF1234567890123\"", "1e22", "packages.package[0].expressCode"),
        ("\"SF1234567890123\"", "12345678901234567890123", "packages.package[0].expressCode"),
        (
            "2067719225654838,",
            "20677192256548381234567,",
            "orderLines.orderLine[0].orderSourceCode",
        ),
        ("\"quantity\": 1 ", "\"quantity\": \"1x\" ", "packages.package[0].items.item[0].quantity"),
        ("[{ \"itemCode\": \"SKU-1-RED\", \"quantity\": 1 }]", "7", "packages.package[0].items"),
        ("\"packages\": [", "\"packages\": [3, ", "packages.package[0]"),
        ("\"status\"", "\"warehouseCode\"", "deliveryOrder.warehouseCode"),
    ] {
        let body = JSON.replacen(from, to, 1);
        assert_ne!(body, JSON, "{from}");
        let error = refused(METHOD, &body);
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)), "{error}");
    }
}

#[test]
fn more_reports_than_anybody_ships_are_refused() {
    let parcel = "<package><logisticsCode>SF</logisticsCode><expressCode>1</expressCode></package>";
    let line = |order| format!("<orderLine><orderSourceCode>{order}</orderSourceCode></orderLine>");
    let body = |parcels: usize, orders: usize| {
        let lines: String = (1..=orders).map(line).collect();
        format!(
            "<request><deliveryOrder><deliveryOrderCode>D</deliveryOrderCode></deliveryOrder><packages>{}\
             </packages><orderLines>{lines}</orderLines></request>",
            parcel.repeat(parcels)
        )
    };
    assert_eq!(decoded(METHOD, &body(40, 50)).unwrap().len(), 2_000);
    assert_eq!(refused(METHOD, &body(40, 51)).path(), Some("packages"));
}
