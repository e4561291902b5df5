//! Sends waybills to the partner as `waybill.created`, and asks what it knows to be shipped.

use super::{Partner, message};
use crate::contract::model::{OrderId, Shipped, ShopId, Timestamp, Waybill};
use crate::contract::{
    ApiReply, ApiRequest, Error, ErrorKind, Result, Session, WaybillSink, parse_json,
};
use async_trait::async_trait;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

pub(super) const SHIP: &str = "waybill.created";
pub(super) const SHIPPED: &str = "shipments";

#[derive(Serialize)]
struct Created<'a> {
    shop: &'a ShopId,
    #[serde(flatten)]
    waybill: &'a Waybill,
}

#[derive(Deserialize)]
struct Conflict {
    number: String,
}

#[derive(Deserialize)]
struct Known {
    shipments: Vec<KnownShipment>,
}

#[derive(Deserialize)]
struct KnownShipment {
    carrier: String,
    number: String,
    at: Option<Timestamp>,
}

#[async_trait]
impl WaybillSink for Partner {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        if !waybill.action.is_ship() {
            let text = "a partner is told of parcels that left, and of nothing else";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let data = Created { shop: session.shop, waybill };
        // A waybill is a fact: said again, it is the same message.
        let message = message::post(SHIP, session.shop, session.now, b"", &data)?;
        // That a partner knows the message again is asked of it and not seen: without an answer, its list is read first.
        let request = ApiRequest { idempotent: false, ..message };
        let reply = session.api.call(request).await?;
        if reply.status.is_success() || knows(&reply, &waybill.number) {
            return Ok(());
        }
        let (kind, text) = match reply.status {
            StatusCode::CONFLICT => {
                (ErrorKind::Conflict, "the order is shipped with another number")
            }
            StatusCode::NOT_FOUND => (ErrorKind::Rejected, "partner does not know the order"),
            _ => (ErrorKind::Rejected, "partner refused the waybill"),
        };
        Err(Error::new(kind, text).code(reply.status.as_str()))
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let id = utf8_percent_encode(order.as_str(), NON_ALPHANUMERIC);
        let headers = message::headers(SHIPPED, session.shop, &[order.as_str().as_bytes()])?;
        let request = ApiRequest {
            method: Method::GET,
            path: format!("/shipments/{id}"),
            headers,
            ..ApiRequest::post(SHIPPED).idempotent().param("shop", session.shop.as_str())
        };
        let reply = session.api.call(request).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        if !reply.status.is_success() {
            let text = "partner refused to list the shipments";
            return Err(Error::new(ErrorKind::Rejected, text).code(reply.status.as_str()));
        }
        let known: Known = parse_json(&reply.body)?;
        let shipped = |known: KnownShipment| {
            let KnownShipment { carrier, number, at } = known;
            Shipped { carrier, number, at }
        };
        Ok(known.shipments.into_iter().map(shipped).collect())
    }
}

/// "Already shipped" with our own number is what we wanted.
fn knows(reply: &ApiReply, number: &str) -> bool {
    reply.status == StatusCode::CONFLICT
        && serde_json::from_slice::<Conflict>(&reply.body)
            .is_ok_and(|conflict| conflict.number == number)
}
