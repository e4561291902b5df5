//! Every call: named limits, readable refusals, renewable tokens, and secrets that stay inside.

use super::lab::{Lab, credentials};
use super::push::{one_level, sellable, waybill};
use super::{Subject, fail, must, must_fail};
use crate::contract::model::StockLevel;
use crate::contract::{Error, ErrorKind, Result, StockSink, Window};
use crate::testkit::Faults;
use std::time::Duration;

/// Secrets shorter than this would be found in any text.
const SECRET_BYTES: usize = 6;

pub(super) async fn check(subject: &Subject) {
    let lab = Lab::new(subject);
    let Some(()) = any_call(&lab).await else { return };
    names_its_quotas(&lab);
    keeps_its_secrets(&lab);
    hears_the_limit(subject).await;
    renews(subject).await;
}

/// Does one of everything that calls the channel; none if nothing does.
async fn any_call(lab: &Lab<'_>) -> Option<()> {
    let level = a_level(lab).await;
    for outcome in each(lab, level.as_ref()).await {
        must(outcome, "calling the channel");
    }
    (!lab.api.asked().is_empty()).then_some(())
}

/// A level of a SKU that the fake sells, where the connector sets any.
async fn a_level(lab: &Lab<'_>) -> Option<StockLevel> {
    lab.connector.stock()?;
    sellable(lab).await.into_iter().next()
}

/// The outcome of one call of each capability; levels are read of what was found before, with calls that went well.
async fn each(lab: &Lab<'_>, level: Option<&StockLevel>) -> Vec<Result<()>> {
    let mut outcomes = Vec::new();
    let id = lab.create_order(77);
    let to = lab.now();
    let window = Window { from: to.minus(Duration::from_mins(1)), to };
    if let Some(orders) = lab.connector.orders() {
        outcomes.push(orders.count(&lab.session(), window).await.map(|_| ()));
        outcomes.push(orders.page(&lab.session(), window, 1).await.map(|_| ()));
        outcomes.push(orders.order(&lab.session(), &id).await.map(|_| ()));
    }
    if let Some(refunds) = lab.connector.refunds() {
        let refund = lab.fake.create_refund(lab.shop(), &id, lab.now());
        outcomes.push(refunds.count(&lab.session(), window).await.map(|_| ()));
        outcomes.push(refunds.page(&lab.session(), window, 1).await.map(|_| ()));
        outcomes.push(refunds.refund(&lab.session(), &refund).await.map(|_| ()));
    }
    let reader = lab.connector.stock().and_then(StockSink::reader);
    if let (Some(reader), Some(level)) = (reader, level) {
        let told = std::slice::from_ref(level);
        outcomes.push(reader.levels(&lab.session(), told).await.map(|_| ()));
    }
    if let Some(sink) = lab.connector.waybills() {
        outcomes.push(sink.ship(&lab.session(), &waybill(id.clone(), "SF1000000000003")).await);
        outcomes.push(sink.shipped(&lab.session(), &id).await.map(|_| ()));
    }
    outcomes
}

fn names_its_quotas(lab: &Lab<'_>) {
    let subject = lab.subject;
    for request in lab.api.asked() {
        let api = request.api;
        let has_quota = subject.entry.quotas.iter().any(|quota| quota.api == api);
        let named = has_quota || subject.unmetered.contains(&api);
        assert!(named, "a call names `{api}`, which has no quota and is not listed as unmetered");
    }
}

fn keeps_its_secrets(lab: &Lab<'_>) {
    let shop = &lab.subject.shop;
    let credentials = credentials(lab.subject);
    let shown = format!("{:?} {credentials:?} {:?}", lab.connector, lab.api.asked());
    for secret in [&shop.secret, &shop.token] {
        let told = secret.len() >= SECRET_BYTES && shown.contains(secret.as_str());
        assert!(!told, "a secret shows itself in `Debug`");
    }
}

async fn hears_the_limit(subject: &Subject) {
    let lab = Lab::new(subject);
    let level = a_level(&lab).await;
    lab.fake.set_faults(Faults { throttle_every: 1, ..Faults::default() });
    let mut outcomes = each(&lab, level.as_ref()).await;
    if let (Some(sink), Some(level)) = (lab.connector.stock(), level) {
        outcomes.push(one_level(sink.set(&lab.session(), &[level]).await));
    }
    for outcome in outcomes {
        let error = must_fail(outcome, "a call beyond the limit");
        let heard = matches!(error.kind(), ErrorKind::Throttled { .. });
        assert!(heard, "a call beyond the limit gave {error} ({})", error.kind().label());
    }
}

async fn renews(subject: &Subject) {
    if !subject.entry.needs_token {
        return;
    }
    let lab = Lab::new(subject);
    let level = a_level(&lab).await;
    lab.fake.set_faults(Faults { expired_tokens: true, ..Faults::default() });
    for outcome in each(&lab, level.as_ref()).await {
        let error: Error = must_fail(outcome, "a call with an expired token");
        let heard = error.kind() == ErrorKind::Unauthorized;
        assert!(heard, "an expired token gave {error} ({})", error.kind().label());
    }
    let Some(old) = credentials(subject).token else { fail("a channel with tokens has none") };
    let renewed = lab.connector.auth().renew(&lab.session(), &old).await;
    let token = match renewed {
        Err(error) if error.kind() == ErrorKind::Unsupported => return,
        renewed => must(renewed, "renewing a token"),
    };
    lab.api.set_token(token);
    for outcome in each(&lab, level.as_ref()).await {
        must(outcome, "calling with a renewed token");
    }
}
