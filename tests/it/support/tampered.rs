//! A fake channel whose answers a test takes away, call by call.

use bytes::Bytes;
use connectors::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use connectors::testkit::{Delivery, Fake, FakeStream, Faults};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is worked on and answered.
    Answered,
    /// It is worked on, and the answer is lost.
    Lost,
    /// Nobody is there.
    Away,
    /// Refused for exceeding a limit, with this many seconds to wait.
    Limited(&'static str),
    /// Answered with one text in the place of another.
    Changed(&'static str, &'static str),
}

type Rule = Box<dyn Fn(&str) -> Fate + Send>;

/// The fake behind the rule, and what was asked of it.
pub(crate) struct Tampered {
    inner: Arc<dyn Fake>,
    rule: Mutex<Rule>,
    asked: Mutex<Vec<String>>,
}

impl Tampered {
    pub(crate) fn new(inner: Arc<dyn Fake>) -> Arc<Self> {
        let rule: Rule = Box::new(|_| Fate::Answered);
        Arc::new(Self { inner, rule: Mutex::new(rule), asked: Mutex::default() })
    }

    /// Decides about calls from now on; it is shown method, path, query and body.
    pub(crate) fn rule(&self, rule: impl Fn(&str) -> Fate + Send + 'static) {
        *self.rule.lock() = Box::new(rule);
    }

    /// Calls so far that contain all of these, in their order.
    pub(crate) fn asked(&self, needles: &[&str]) -> Vec<String> {
        let all = |call: &&String| needles.iter().all(|needle| call.contains(needle));
        self.asked.lock().iter().filter(all).cloned().collect()
    }
}

impl fmt::Debug for Tampered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tampered").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Fake for Tampered {
    fn channel(&self) -> &'static str {
        self.inner.channel()
    }

    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let body = String::from_utf8_lossy(request.body());
        let call = format!("{} {}\n{body}", request.method(), request.uri());
        let fate = (self.rule.lock())(&call);
        self.asked.lock().push(call);
        let refused = |status| {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = status;
            response
        };
        let nothing = || refused(StatusCode::GATEWAY_TIMEOUT);
        match fate {
            Fate::Away => return nothing(),
            Fate::Limited(seconds) => {
                let mut response = refused(StatusCode::TOO_MANY_REQUESTS);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
                return response;
            }
            Fate::Answered | Fate::Lost | Fate::Changed(..) => {}
        }
        let answer = self.inner.handle(request, now);
        match fate {
            Fate::Answered | Fate::Away | Fate::Limited(_) => answer,
            Fate::Lost => nothing(),
            Fate::Changed(from, to) => {
                answer.map(|body| String::from_utf8_lossy(&body).replace(from, to).into())
            }
        }
    }

    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        self.inner.create_order(shop, seed, now)
    }

    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp) {
        self.inner.edit_order(shop, order, now);
    }

    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId {
        self.inner.create_refund(shop, order, now)
    }

    fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        self.inner.take_deliveries(now)
    }

    fn stream(&self) -> Option<&dyn FakeStream> {
        self.inner.stream()
    }

    fn withdraw(&self, shop: &ShopId, now: Timestamp) {
        self.inner.withdraw(shop, now);
    }

    fn sign_again(&self, delivery: &Delivery, now: Timestamp) -> Delivery {
        self.inner.sign_again(delivery, now)
    }

    fn is_settled(&self, answer: &Response<Bytes>) -> bool {
        self.inner.is_settled(answer)
    }

    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        self.inner.orders(shop)
    }

    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        self.inner.refunds(shop)
    }

    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32> {
        self.inner.stock(shop)
    }

    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        self.inner.shipments(shop)
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.inner.calls()
    }

    fn set_faults(&self, faults: Faults) {
        self.inner.set_faults(faults);
    }
}
