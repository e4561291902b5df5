//! The fake's gate: what it lets in, what it refuses and with which code.

use super::Top;
use super::call::Call;
use super::gate::Limits;
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::sign;
use crate::testkit::{Fake, FakeShop, Faults};
use bytes::Bytes;
use http::{Request, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Secret of the application that the recorded clients used.
const SECRET: &str = "helloworldsecret";

type Arguments<'a> = &'a [(&'a str, &'a str)];

/// A fake and a client of it that signs as TOP's documents say.
pub(super) struct Bench {
    pub(super) fake: Top,
    pub(super) now: Timestamp,
    pub(super) session: String,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with_limits(Limits::DEFAULT)
    }

    fn with_limits(limits: Limits) -> Self {
        let shop = |id: &str, app_key: &str, token: &str| FakeShop {
            shop: ShopId::try_new(id).unwrap(),
            app_key: app_key.to_owned(),
            secret: SECRET.to_owned(),
            token: token.to_owned(),
        };
        let shops = [
            shop("one", "12345678", "6100e23test_session"),
            shop("two", "12345678", "s"),
            shop("three", "99", "other"),
        ];
        let now = Timestamp::parse_china("2026-11-11 00:00:09").unwrap();
        let session = "6100e23test_session".to_owned();
        Self { fake: Top::new(&shops, limits), now, session }
    }

    pub(super) fn shop() -> ShopId {
        ShopId::try_new("one").unwrap()
    }

    pub(super) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    fn params(&self, method: &str, arguments: &[(&str, &str)]) -> BTreeMap<String, String> {
        let timestamp = self.now.to_china();
        let system = [
            ("method", method),
            ("app_key", "12345678"),
            ("session", &self.session),
            ("timestamp", &timestamp),
            ("format", "json"),
            ("v", "2.0"),
            ("sign_method", "md5"),
        ];
        let all = system.iter().chain(arguments);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Signs and sends; arguments may replace system parameters.
    pub(super) fn call(&self, method: &str, arguments: &[(&str, &str)]) -> Value {
        let body = self.send(&signed(self.params(method, arguments)));
        serde_json::from_slice(&body).unwrap()
    }

    /// The code and sub code that a call is refused with.
    pub(super) fn refusal(&self, method: &str, arguments: &[(&str, &str)]) -> (u64, String) {
        refusal(&self.call(method, arguments))
    }

    fn send(&self, query: &str) -> Bytes {
        let request = Request::get(format!("/router/rest?{query}")).body(Bytes::new()).unwrap();
        let response = self.fake.handle(&request, self.now);
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }
}

fn signed(mut params: BTreeMap<String, String>) -> String {
    let text: String = params.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
    let digest = sign::md5(&[SECRET.as_bytes(), text.as_bytes(), SECRET.as_bytes()]);
    params.insert("sign".to_owned(), sign::upper_hex(&digest));
    encoded(&params)
}

fn encoded(params: &BTreeMap<String, String>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

fn refusal(answer: &Value) -> (u64, String) {
    let error = &answer["error_response"];
    let sub_code = error["sub_code"].as_str().unwrap_or_default().to_owned();
    (error["code"].as_u64().unwrap_or(0), sub_code)
}

/// A recorded request, and whether the recorder could verify its signature.
fn recorded(block: &str) -> (Request<Bytes>, bool) {
    let (head, rest) = block.split_once("\r\n\r\n").unwrap();
    let mut lines = head.trim_start().split("\r\n");
    let mut start = lines.next().unwrap().split(' ');
    let mut request = Request::builder().method(start.next().unwrap()).uri(start.next().unwrap());
    let mut length = 0;
    for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
        request = request.header(name, value);
    }
    let body = Bytes::copy_from_slice(&rest.as_bytes()[..length]);
    (request.body(body).unwrap(), rest.contains("sign ok: True"))
}

#[test]
fn requests_of_real_clients_are_verified_at_their_own_time() {
    let recordings = [
        include_str!("../fixtures/clients/java.http.txt"),
        include_str!("../fixtures/clients/java-hmac-sha256.http.txt"),
        include_str!("../fixtures/clients/node.http.txt"),
        include_str!("../fixtures/clients/php.http.txt"),
        include_str!("../fixtures/clients/py.http.txt"),
        include_str!("../fixtures/clients/qm.http.txt"),
        include_str!("../fixtures/clients/r_isp.http.txt"),
        include_str!("../fixtures/clients/r_limit.http.txt"),
    ];
    let bench = Bench::new();
    let mut seen = BTreeMap::<(String, u64), u32>::new();
    for block in recordings.iter().flat_map(|text| text.split("===== request =====").skip(1)) {
        let (request, is_signed) = recorded(block);
        let call = Call::read(&request).unwrap();
        assert_eq!(call.verify(SECRET).is_ok(), is_signed, "{}", request.uri());
        assert!(call.verify("another secret").is_err());
        let now = call.timestamp().unwrap_or(bench.now);
        let body = bench.fake.handle(&request, now).into_body();
        let text = std::str::from_utf8(&body).unwrap();
        // Both renderings of an error name the code first thing after their own first word.
        let code = text.split_once("code>").or_else(|| text.split_once("\"code\":"));
        let code = code.map_or("0", |(_, rest)| rest);
        let digits: String = code.chars().take_while(char::is_ascii_digit).collect();
        let method = call.get("method").unwrap_or_default().to_owned();
        *seen.entry((method, digits.parse().unwrap())).or_default() += 1;
    }
    let seen: Vec<(&str, u64, u32)> =
        seen.iter().map(|((method, code), count)| (method.as_str(), *code, *count)).collect();
    assert_eq!(
        seen,
        [
            // A GET without any parameter, an API that is none, and two that the fake does not have.
            ("", 21, 1),
            ("taobao.logistics.offline.send", 15, 4),
            ("taobao.qimen.deliveryorder.confirm", 22, 1),
            ("taobao.skus.quantity.update", 530, 4),
            ("taobao.tmc.auth.get", 22, 3),
            ("taobao.trade.nosuch.get", 22, 1),
            ("taobao.trades.sold.increment.get", 0, 17),
        ]
    );
}

#[test]
fn published_signatures_verify_and_empty_values_are_part_of_them() {
    let example = "method=taobao.item.seller.get&app_key=12345678&session=test&timestamp=2016-01-01+12:00:00\
                   &format=json&v=2.0&fields=num_iid,title,nick,price,num&num_iid=11223344";
    let empty = "method=taobao.trades.sold.get&app_key=12345678&session=s1&timestamp=2026-11-01+08:00:00\
                 &format=json&v=2.0&fields=tid&buyer_nick=&tag=";
    let vectors = [
        (example, "md5", "66987CB115214E59E6EC978214934FB8"),
        (example, "hmac", "D56D7858309C31B6251083A874D48273"),
        (
            example,
            "hmac-sha256",
            "04DB15AD0774D5CFCE2C837DE43E3FCEA9011ED74F3038FB6AB5F3C4CEA119E8",
        ),
        (empty, "md5", "C2A0F9DF8D5288EE00F4BA9E4CB96CDA"),
        (empty, "hmac", "7BC4457E2ABAE8F7E615E3CDA543BA2F"),
        (empty, "hmac-sha256", "904A39530D82988B687AF1026DC2F0D4E498238C32F7BAB742E18B63A995D837"),
    ];
    for (query, sign_method, signature) in vectors {
        let uri = format!("/?{query}&sign_method={sign_method}&sign={signature}");
        let call = Call::read(&Request::get(uri).body(Bytes::new()).unwrap()).unwrap();
        assert_eq!(call.verify("helloworld"), Ok(()), "{sign_method}");
        assert!(call.verify(SECRET).is_err());
    }
}

#[test]
fn each_mistake_has_its_own_code() {
    let bench = Bench::new();
    let api = "taobao.trade.fullinfo.get";
    let mistakes: [(Arguments<'_>, u64, &str); 14] = [
        (&[("method", "")], 21, ""),
        (&[("method", "taobao.trade.nosuch.get")], 22, ""),
        (&[("app_key", "")], 28, ""),
        (&[("app_key", "1")], 29, ""),
        (&[("sign_method", "sha1")], 25, ""),
        (&[("timestamp", "")], 30, ""),
        (&[("timestamp", "yesterday")], 31, ""),
        (&[("session", "")], 26, ""),
        (&[("session", "nobody")], 27, "invalid-sessionkey"),
        (&[("v", "")], 32, ""),
        (&[("v", "1.0")], 34, ""),
        (&[("tid", "1")], 40, "isv.missing-parameter:fields"),
        (&[("fields", "tid"), ("tid", "")], 40, "isv.missing-parameter:tid"),
        (&[("fields", "tid"), ("tid", "x")], 41, "isv.invalid-parameter:tid"),
    ];
    for (arguments, code, sub_code) in mistakes {
        let answer = bench.call(api, arguments);
        assert_eq!(refusal(&answer), (code, sub_code.to_owned()), "{arguments:?}");
        assert!(answer["error_response"]["request_id"].is_string());
    }
    let (code, sub_code) = bench.refusal(api, &[("session", "other")]);
    assert_eq!(code, 27);
    assert!(sub_code.contains("don't belong app and user"));

    let unsigned = encoded(&bench.params(api, &[]));
    let answer: Value = serde_json::from_slice(&bench.send(&unsigned)).unwrap();
    assert_eq!(refusal(&answer), (24, String::new()));
    let changed = signed(bench.params(api, &[("tid", "1")])).replace("tid=1", "tid=2");
    let answer: Value = serde_json::from_slice(&bench.send(&changed)).unwrap();
    assert_eq!(refusal(&answer), (25, String::new()));

    let format = bench.send(&signed(bench.params(api, &[("format", "yaml")])));
    assert!(format.windows(15).any(|part| part == b"<code>23</code>".as_slice()));
    let request = Request::put("/").body(Bytes::new()).unwrap();
    let answer = bench.fake.handle(&request, bench.now).into_body();
    assert!(answer.windows(14).any(|part| part == b"<code>9</code>".as_slice()));
}

#[test]
fn clocks_may_be_ten_minutes_apart_and_no_more() {
    let bench = Bench::new();
    for (minutes, code) in [(10, 0), (11, 31)] {
        let gap = Duration::from_mins(minutes);
        for said in [bench.now.plus(gap), bench.now.minus(gap)] {
            let millis = said.unix_ms().to_string();
            for text in [said.to_china(), millis] {
                let answer = bench.call("taobao.time.get", &[("timestamp", &text)]);
                assert_eq!(refusal(&answer).0, code, "{text}");
            }
        }
    }
}

#[test]
fn the_default_format_is_xml_and_simplified_json_has_no_wrappers() {
    let bench = Bench::new();
    let fields = ("fields", "tid,orders.oid,buyer_message");
    let order = bench.fake.create_order(&Bench::shop(), 1, bench.now);
    let window = [
        fields,
        ("start_modified", "2026-11-11 00:00:00"),
        ("end_modified", "2026-11-11 01:00:00"),
    ];
    let api = "taobao.trades.sold.increment.get";
    let normal = bench.call(api, &window);
    let list = &normal["trades_sold_increment_get_response"];
    assert_eq!(list["total_results"], 1);
    let trade = &list["trades"]["trade"][0];
    assert_eq!(trade["tid"].to_string(), order.as_str());
    let oid = &trade["orders"]["order"][0]["oid"];

    let simple = bench.call(api, &[&window[..], &[("simplify", "true")]].concat());
    assert_eq!(simple["trades"][0]["orders"][0]["oid"], *oid);

    let mut params = bench.params(api, &window);
    params.remove("format");
    let xml = bench.send(&signed(params));
    let xml = std::str::from_utf8(&xml).unwrap();
    assert!(xml.starts_with(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><trades_sold_increment_get_response>"
    ));
    assert!(xml.contains(&format!("<tid>{order}</tid></trade></trades>")), "{xml}");
    assert!(xml.contains(&format!("<orders list=\"true\"><order><oid>{oid}</oid></order>")));

    let mut params = bench.params(api, &[]);
    params.remove("format");
    let xml = bench.send(&signed(params));
    assert!(xml.ends_with(b"</error_response>"));
}

#[test]
fn an_application_that_is_too_fast_is_refused_for_a_second() {
    let mut bench = Bench::with_limits(Limits { reads: 3, writes: 1 });
    let read = |bench: &Bench| refusal(&bench.call("taobao.time.get", &[]));
    let banned = (7, "accesscontrol.limited-by-api-access-count".to_owned());
    for _ in 0..3 {
        assert_eq!(read(&bench).0, 0);
    }
    let answer = bench.call("taobao.time.get", &[]);
    assert_eq!(refusal(&answer), banned);
    assert_eq!(answer["error_response"]["sub_msg"], "This ban will last for 1 more seconds");
    let other = [("fields", "code")];
    assert_eq!(bench.refusal("taobao.logistics.companies.get", &other).0, 0, "its own bucket");
    bench.now = bench.now.plus(Duration::from_millis(999));
    assert_eq!(read(&bench), banned);
    bench.now = bench.now.plus(Duration::from_millis(1));
    assert_eq!(read(&bench).0, 0);
    assert_eq!(bench.fake.calls()["taobao.time.get"], 6);

    let update = [("num_iid", "600000000001"), ("quantity", "7")];
    assert_eq!(bench.refusal("taobao.item.quantity.update", &update).0, 0);
    assert_eq!(bench.refusal("taobao.item.quantity.update", &update).0, 7);
}

#[test]
fn told_to_throttle_it_refuses_every_nth_call() {
    let mut bench = Bench::new();
    bench.fake.set_faults(Faults { throttle_every: 3, ..Faults::default() });
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(bench.refusal("taobao.time.get", &[]).0);
        bench.later(1);
    }
    assert_eq!(codes, [0, 0, 7, 0, 0, 7]);
}

#[test]
fn a_call_in_a_ban_does_not_take_the_turn_of_one_after_it() {
    let mut bench = Bench::new();
    bench.fake.set_faults(Faults { throttle_every: 2, ..Faults::default() });
    let call = || bench.refusal("taobao.time.get", &[]).0;
    assert_eq!([call(), call(), call()], [0, 7, 7]);
    bench.later(1);
    assert_eq!(bench.refusal("taobao.time.get", &[]).0, 0);
}

#[test]
fn a_lost_answer_did_its_work() {
    let bench = Bench::new();
    bench.fake.set_faults(Faults { lost_answer_every: 1, ..Faults::default() });
    let update = [("num_iid", "600000000001"), ("quantity", "7")];
    let lost = (15, "isp.remote-service-timeout".to_owned());
    assert_eq!(bench.refusal("taobao.item.quantity.update", &update), lost);
    assert_eq!(bench.fake.stock(&Bench::shop())["600000000001"], 7);
}

#[test]
fn an_expired_token_is_renewed_once_and_the_old_one_is_gone() {
    let mut bench = Bench::new();
    let api = "taobao.refunds.receive.get";
    let fields = [("fields", "refund_id")];
    bench.fake.set_faults(Faults { expired_tokens: true, ..Faults::default() });
    assert_eq!(bench.refusal(api, &fields), (27, "session-expired".to_owned()));

    let renew = [("refresh_token", "6100e23test_session-refresh"), ("session", "")];
    let answer = bench.call("taobao.top.auth.token.refresh", &renew);
    let result = answer["top_auth_token_refresh_response"]["token_result"].as_str().unwrap();
    let token: Value = serde_json::from_str(result).unwrap();
    assert_eq!(bench.refusal("taobao.top.auth.token.refresh", &renew).0, 41);

    let old =
        std::mem::replace(&mut bench.session, token["access_token"].as_str().unwrap().to_owned());
    assert_eq!(bench.refusal(api, &fields).0, 0);
    let old = [("fields", "refund_id"), ("session", old.as_str())];
    assert_eq!(bench.refusal(api, &old), (27, "invalid-sessionkey".to_owned()));

    bench.later(token["expires_in"].as_u64().unwrap());
    assert_eq!(bench.refusal(api, &fields), (27, "session-expired".to_owned()));
    let refresh = token["refresh_token"].as_str().unwrap();
    let renew = [("refresh_token", refresh), ("session", "")];
    assert_eq!(bench.refusal("taobao.top.auth.token.refresh", &renew).0, 0);
}

#[test]
fn parts_of_a_file_are_not_signed() {
    let bench = Bench::new();
    let query = signed(bench.params("taobao.time.get", &[]));
    let part = |head: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let texts = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| part(&format!("name=\"{name}\""), &value));
    let file = part("name=\"image\"; filename=\"a.jpg\"", "JPEG");
    let body: String = texts.chain([file]).collect();
    for (end, code) in [("--xyz--\r\n", 0), ("", 3)] {
        let request = Request::post("/")
            .header(CONTENT_TYPE, "multipart/form-data; boundary=xyz")
            .body(Bytes::from(format!("{body}{end}")))
            .unwrap();
        let answer = bench.fake.handle(&request, bench.now).into_body();
        let text = std::str::from_utf8(&answer).unwrap();
        assert_eq!(text.contains("<code>3</code>"), code == 3, "{text}");
        assert_eq!(text.contains("time_get_response"), code == 0, "{text}");
    }
}
