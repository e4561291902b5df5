//! The suite itself under test: a toy channel with a list passes, and the same channel with one mistake does not.

use super::{Subject, check};
use crate::contract::model::{Order, OrderId, RefundId, ShopId, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, Auth, Connector, Credentials, Entry, Error, ErrorKind, Event,
    Explanation, Notice, OrderSource, Page, PollSpec, QuotaSpec, Result, Secret, Session,
    SignedRequest, Token, Window, classify_status, parse_json,
};
use crate::testkit::{Delivery, Fake, FakeShop, Faults};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

static ENTRY: Entry = Entry {
    channel: "toy",
    about: "A list and nothing else",
    quotas: &[QuotaSpec { api: "list", per_second: 1, burst: 1 }],
    needs_app: false,
    needs_secret: false,
    needs_token: true,
    build: |setup| Ok(Arc::new(Toy(setup.settings["bug"].as_str().unwrap_or_default().to_owned()))),
    fake: |_| Arc::new(Server::default()),
};

const PAGE: usize = 4;

/// A connector, and the name of its mistake.
#[derive(Debug)]
struct Toy(String);

#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    from: i64,
    to: i64,
    id: Option<OrderId>,
}

impl Toy {
    async fn ask(&self, session: &Session<'_>, ask: &Ask) -> Result<Vec<Order>> {
        let api = if self.0 == "unnamed quota" { "other" } else { "list" };
        let body = serde_json::to_vec(ask).unwrap().into();
        let reply = session.api.call(ApiRequest { body, ..ApiRequest::post(api) }).await?;
        parse_json(&reply.body)
    }

    async fn window(&self, session: &Session<'_>, window: Window) -> Result<Vec<Order>> {
        let (mut from, mut to) = (window.from.unix_ms(), window.to.unix_ms());
        match self.0.as_str() {
            "open end" => to -= 1,
            "no start" => from = 0,
            "no end" => to = i64::MAX,
            _ => {}
        }
        self.ask(session, &Ask { from, to, id: None }).await
    }

    fn notice(&self, session: &Session<'_>, order: Order) -> Notice {
        let shop = match self.0.as_str() {
            "other shop" => ShopId::try_new("other").unwrap(),
            _ => session.shop.clone(),
        };
        Notice { shop, event: Event::Order(Box::new(order)) }
    }
}

#[async_trait]
impl OrderSource for Toy {
    fn spec(&self) -> PollSpec {
        let day = Duration::from_hours(24);
        PollSpec { longest_window: day, page_size: u32::try_from(PAGE).unwrap(), horizon: day * 90 }
    }

    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64> {
        Ok(self.window(session, window).await?.len() as u64)
    }

    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page> {
        let orders = self.window(session, window).await?;
        let start = PAGE * (usize::try_from(page).unwrap() - 1);
        let take = if self.0 == "short page" { PAGE - 1 } else { PAGE };
        let page = orders.into_iter().skip(start).take(take);
        let mut notices: Vec<_> = page.map(|order| self.notice(session, order)).collect();
        if let Some(Event::Order(order)) = notices.first_mut().map(|notice| &mut notice.event)
            && self.0 == "other content"
        {
            order.channel_status = format!("{}!", order.channel_status).into();
        }
        Ok(Page { notices })
    }

    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice> {
        let ask = Ask { from: 0, to: i64::MAX, id: Some(id.clone()) };
        let kind = match self.0.as_str() {
            "asks forever" => ErrorKind::Unavailable,
            _ => ErrorKind::Rejected,
        };
        let order = self.ask(session, &ask).await?.pop();
        order
            .map(|order| self.notice(session, order))
            .ok_or_else(|| Error::new(kind, "no such order"))
    }
}

impl Connector for Toy {
    fn auth(&self) -> &dyn Auth {
        self
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        match reply.status {
            StatusCode::TOO_MANY_REQUESTS if self.0 == "deaf" => Ok(()),
            status => classify_status(status),
        }
    }

    fn orders(&self) -> Option<&dyn OrderSource> {
        Some(self)
    }
}

#[async_trait]
impl Auth for Toy {
    fn sign(
        &self,
        with: &Credentials,
        _: Timestamp,
        request: &ApiRequest,
    ) -> Result<SignedRequest> {
        let token = with.token.as_ref().map(|token| token.access.expose_str().to_owned());
        Ok(SignedRequest {
            method: request.method.clone(),
            path_and_query: format!("/?token={}", token.unwrap_or_default()),
            headers: request.headers.clone(),
            body: request.body.clone(),
        })
    }

    async fn renew(&self, _: &Session<'_>, old: &Token) -> Result<Token> {
        let access = if self.0 == "old token" { "token-1" } else { "token-2" };
        Ok(Token { access: Secret::new(access), ..old.clone() })
    }

    fn explain(&self, _: &Secret, _: &[(String, String)], _: &[u8]) -> Result<Explanation> {
        Err(Error::new(ErrorKind::Unsupported, "nothing is signed"))
    }
}

/// The toy's server: newest first, as the channels do it.
#[derive(Debug, Default)]
struct Server(Mutex<(BTreeMap<OrderId, Order>, Faults)>);

impl Fake for Server {
    fn channel(&self) -> &'static str {
        "toy"
    }

    fn handle(&self, request: &Request<Bytes>, _: Timestamp) -> Response<Bytes> {
        let (orders, faults) = &*self.0.lock();
        let refuse = |status| {
            let mut reply = Response::new(Bytes::from_static(b"[]"));
            *reply.status_mut() = status;
            reply
        };
        let is_old = request.uri().query() == Some("token=token-1");
        if faults.expired_tokens && is_old {
            return refuse(StatusCode::UNAUTHORIZED);
        }
        if faults.throttle_every > 0 {
            return refuse(StatusCode::TOO_MANY_REQUESTS);
        }
        let ask: Ask = serde_json::from_slice(request.body()).unwrap();
        let wanted = |order: &&Order| {
            let modified = order.times.modified.unix_ms();
            (ask.from..=ask.to).contains(&modified)
                && ask.id.as_ref().is_none_or(|id| *id == order.order_id)
        };
        let mut found: Vec<&Order> = orders.values().filter(wanted).collect();
        found.sort_by_key(|order| std::cmp::Reverse(order.times.modified));
        Response::new(serde_json::to_vec(&found).unwrap().into())
    }

    fn create_order(&self, _: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        let line = json!({
            "line_id": "1", "title": "thing", "quantity": 1, "unit_price": 5, "payable": 5
        });
        let order: Order = serde_json::from_value(json!({
            "order_id": seed.to_string(), "status": "awaiting_shipment", "channel_status": "paid",
            "times": { "created": now, "modified": now }, "currency": "CNY",
            "amounts": { "goods": 5, "payable": 5 }, "lines": [line]
        }))
        .unwrap();
        let id = order.order_id.clone();
        self.0.lock().0.insert(id.clone(), order);
        id
    }

    fn edit_order(&self, _: &ShopId, order: &OrderId, now: Timestamp) {
        self.0.lock().0.get_mut(order).unwrap().times.modified = now;
    }

    fn create_refund(&self, _: &ShopId, order: &OrderId, _: Timestamp) -> RefundId {
        RefundId::try_new(order.as_str()).unwrap()
    }

    fn take_deliveries(&self, _: Timestamp) -> Vec<Delivery> {
        Vec::new()
    }

    fn orders(&self, _: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        BTreeMap::new()
    }

    fn refunds(&self, _: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        BTreeMap::new()
    }

    fn stock(&self, _: &ShopId) -> BTreeMap<String, u32> {
        BTreeMap::new()
    }

    fn shipments(&self, _: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        BTreeMap::new()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn set_faults(&self, faults: Faults) {
        self.0.lock().1 = faults;
    }
}

fn subject(bug: &str) -> Subject {
    let shop = FakeShop {
        shop: ShopId::try_new("toy-1").unwrap(),
        app_key: String::new(),
        secret: "toy-secret".to_owned(),
        token: "token-1".to_owned(),
    };
    let settings = json!({ "bug": bug });
    Subject { settings, ..Subject::new(&ENTRY, shop) }
}

#[tokio::test]
async fn a_channel_without_a_mistake_passes() {
    check(&subject("")).await;
}

/// What the suite says about a connector with a mistake.
fn complaint(bug: &'static str) -> String {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&subject(bug)));
    };
    let panic = std::thread::spawn(run).join().expect_err(bug);
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

#[test]
fn each_mistake_is_found_and_named() {
    let mistakes = [
        ("open end", "leaves out its own ends"),
        ("no start", "changed before it"),
        ("no end", "was skipped"),
        ("short page", "was skipped"),
        ("other shop", "another shop"),
        ("other content", "differ about"),
        ("asks forever", "asked forever"),
        ("unnamed quota", "has no quota"),
        ("deaf", "a call beyond the limit"),
        ("old token", "renewed token"),
    ];
    for (bug, expected) in mistakes {
        let text = complaint(bug);
        assert!(text.contains(expected), "{bug}: {text}");
    }
}
