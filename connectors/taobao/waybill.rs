//! Reports shipments.
//!
//! The seller's own carrier ships by `offline.send`. The channel refuses it with `B98` for what is paid at the door,
//! which ships by `online.send`, and for virtual goods, which `online.send` refuses too. An order cannot be shipped
//! twice; `B04` then says "already", and the channel's list says with which number. Where the settings say so the newer
//! `ascp` calls are used, for whole lines, as the older ones are.

use super::Top;
use super::errors::shipping_code;
use super::scalars::{Id, Text};
use super::wire::{FullInfo, Raw, Sent, ShippingRecord, Shippings, items, object, reply};
use crate::contract::model::{OrderId, Shipped, Waybill, WaybillAction};
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, WaybillSink, carriers};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

pub(super) const OFFLINE: &str = "taobao.logistics.offline.send";
pub(super) const ONLINE: &str = "taobao.logistics.online.send";
pub(super) const DUMMY: &str = "taobao.logistics.dummy.send";
pub(super) const RESEND: &str = "taobao.logistics.consign.resend";
pub(super) const LIST: &str = "taobao.logistics.orders.get";
/// The newer calls, which take several parcels.
pub(super) const ASCP_SEND: &str = "alibaba.ascp.logistics.offline.send";
pub(super) const ASCP_RESEND: &str = "alibaba.ascp.logistics.consign.resend";
/// Trades that are shipped, whether or not the buyer has them.
const SHIPPED: [&str; 3] = ["WAIT_BUYER_CONFIRM_GOODS", "TRADE_BUYER_SIGNED", "TRADE_FINISHED"];

/// Which calls tell what the seller's own carrier takes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ShipWith {
    #[default]
    Logistics,
    /// The newer ones. What they refuse with is documented nowhere.
    Ascp,
}

impl ShipWith {
    fn send(self) -> &'static str {
        if self == Self::Ascp { ASCP_SEND } else { OFFLINE }
    }

    fn resend(self) -> &'static str {
        if self == Self::Ascp { ASCP_RESEND } else { RESEND }
    }
}

#[async_trait]
impl WaybillSink for Top {
    /// A line cannot be split between parcels: the channel knows lines, not units.
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        if waybill.action == WaybillAction::NoParcel {
            return without_parcel(session, waybill).await;
        }
        let company = self.carriers.word(&waybill.carrier, |carrier| carrier.company)?;
        carriers::check_number(&waybill.carrier, &waybill.number)?;
        let parcel = Parcel { session, waybill, company };
        let lines: BTreeSet<&str> =
            waybill.lines.iter().map(|line| line.line_id.as_str()).collect();
        // A trade of one line has that line's id.
        let is_whole = lines.is_empty() || lines.contains(waybill.order_id.as_str());
        let named = if is_whole { BTreeSet::new() } else { lines.clone() };
        if waybill.action == WaybillAction::Replace {
            return self.replace(&parcel, &named).await;
        }
        let mut api = self.ship_with.send();
        let mut sent = parcel.send(api, &named).await;
        if code(&sent) == Some("B98") {
            api = ONLINE;
            sent = parcel.send(api, &named).await;
        }
        if code(&sent) == Some("CD29") && parcel.holds_all(&lines).await? {
            sent = parcel.send(api, &BTreeSet::new()).await;
        }
        if !matches!(code(&sent), Some("B04" | "B27")) {
            return self.unless_there(sent, &parcel, &named).await;
        }
        let known = self.shipped(session, &waybill.order_id).await?;
        if known.iter().any(|shipped| shipped.number == waybill.number) {
            return Ok(());
        }
        let (kind, text) = if known.is_empty() {
            let text = "order is closed or shipped already, and not with this number";
            (ErrorKind::Rejected, text)
        } else {
            (ErrorKind::Conflict, "order is shipped already, with another number")
        };
        let code = sent.as_ref().err().and_then(Error::channel_code).unwrap_or_default();
        Err(Error::new(kind, text).code(code))
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let request = ApiRequest::post(LIST)
            .idempotent()
            .param("fields", "tid,order_code,out_sid,company_name,status,is_split,sub_tids")
            .param("tid", order.as_str())
            .param("page_size", "100");
        let answer = session.api.call(request).await?;
        let Shippings { shippings } = reply(&answer.body)?;
        let mut shipped = Vec::new();
        for raw in items(shippings, "shipping").map_err(|error| error.within("shippings"))? {
            let record: ShippingRecord<'_> =
                object(raw).map_err(|error| error.within("shippings"))?;
            // A record without a number is an order for the carrier, not a parcel.
            let number = record.out_sid.map(|number| number.0).filter(|number| !number.is_empty());
            let Some(number) = number else { continue };
            let name = record.company_name.map(|name| name.0).unwrap_or_default();
            let carrier = self.carriers.canonical(&name).to_owned();
            shipped.push(Shipped { carrier, number: number.into_owned(), at: None });
        }
        Ok(shipped)
    }
}

impl Top {
    /// Gives what is shipped another carrier or number. Said again after a lost answer, the channel may refuse what it has
    /// done; its list then has the number.
    async fn replace(&self, parcel: &Parcel<'_>, lines: &BTreeSet<&str>) -> Result<()> {
        let api = self.ship_with.resend();
        let mut sent = parcel.send(api, lines).await;
        if code(&sent) == Some("CD29") && parcel.holds_all(lines).await? {
            sent = parcel.send(api, &BTreeSet::new()).await;
        }
        if self.ship_with == ShipWith::Ascp {
            return self.unless_there(sent, parcel, lines).await;
        }
        let Err(error) = &sent else { return sent };
        // What never left has no number to correct, whatever number other lines have.
        if error.kind() == ErrorKind::Rejected && code(&sent) != Some("CD19") {
            let known = self.shipped(parcel.session, &parcel.waybill.order_id).await?;
            if known.iter().any(|shipped| shipped.number == parcel.waybill.number) {
                return Ok(());
            }
        }
        sent
    }

    /// A refusal by a newer call that may mean "already": the channel's list says whether the number is there. It says so of
    /// a whole order only: other lines may have left with the same number.
    async fn unless_there(
        &self,
        sent: Result<()>,
        parcel: &Parcel<'_>,
        lines: &BTreeSet<&str>,
    ) -> Result<()> {
        let Err(error) = &sent else { return sent };
        let may_be_there = self.ship_with == ShipWith::Ascp
            && lines.is_empty()
            && error.kind() == ErrorKind::Rejected;
        if may_be_there {
            let known = self.shipped(parcel.session, &parcel.waybill.order_id).await?;
            if known.iter().any(|shipped| shipped.number == parcel.waybill.number) {
                return Ok(());
            }
        }
        sent
    }
}

/// Virtual goods, and goods that the buyer fetches. There is no number to read back; the trade's status says whether it
/// was done before.
async fn without_parcel(session: &Session<'_>, waybill: &Waybill) -> Result<()> {
    #[derive(Deserialize)]
    struct Status<'a> {
        #[serde(borrow)]
        status: Text<'a>,
    }
    let request = ApiRequest::post(DUMMY).param("tid", waybill.order_id.as_str());
    let refused = match session.api.call(request).await {
        Ok(answer) => return sent(&answer.body),
        Err(error)
            if matches!(error.channel_code().and_then(shipping_code), Some("B04" | "B27")) =>
        {
            error
        }
        Err(error) => return Err(error),
    };
    let request = ApiRequest::post(super::orders::READ)
        .idempotent()
        .param("fields", "tid,status")
        .param("tid", waybill.order_id.as_str());
    let answer = session.api.call(request).await?;
    let FullInfo { trade } = reply(&answer.body)?;
    let Status { status } = object(trade)?;
    if SHIPPED.contains(&&*status.0) { Ok(()) } else { Err(refused) }
}

fn sent(body: &[u8]) -> Result<()> {
    let Sent { shipping, result } = reply(body)?;
    let is_success = shipping.map(|shipping| shipping.is_success);
    match is_success.or_else(|| result.map(|result| result.success)) {
        Some(is_success) if is_success.0 => Ok(()),
        _ => Err(Error::new(ErrorKind::Rejected, "channel did not ship the order")),
    }
}

struct Parcel<'p> {
    session: &'p Session<'p>,
    waybill: &'p Waybill,
    company: &'p str,
}

impl Parcel<'_> {
    async fn send(&self, api: &'static str, lines: &BTreeSet<&str>) -> Result<()> {
        let number = self.waybill.number.as_str();
        let mut request = ApiRequest::post(api).param("tid", self.waybill.order_id.as_str());
        let is_ascp = matches!(api, ASCP_SEND | ASCP_RESEND);
        if is_ascp {
            let parcels = json!([{ "company_code": self.company, "out_sid": number }]);
            request = request.param("consign_pkgs", parcels.to_string());
        } else {
            request = request.param("company_code", self.company).param("out_sid", number);
        }
        if !lines.is_empty() {
            let lines: Vec<&str> = lines.iter().copied().collect();
            let name = if api == ASCP_RESEND { "sub_tids" } else { "sub_tid" };
            request = request.param(name, lines.join(","));
            if !is_ascp {
                request = request.param("is_split", "1");
            }
        }
        let answer = self.session.api.call(request).await?;
        sent(&answer.body)
    }

    /// Whether the parcel holds every line of the order: the channel then wants none of them named.
    async fn holds_all(&self, lines: &BTreeSet<&str>) -> Result<bool> {
        #[derive(Deserialize)]
        struct Lines<'a> {
            #[serde(borrow)]
            orders: Option<Raw<'a>>,
        }
        #[derive(Deserialize)]
        struct LineId<'a> {
            #[serde(borrow)]
            oid: Id<'a>,
        }
        let request = ApiRequest::post(super::orders::READ)
            .idempotent()
            .param("fields", "tid,orders.oid")
            .param("tid", self.waybill.order_id.as_str());
        let answer = self.session.api.call(request).await?;
        let FullInfo { trade } = reply(&answer.body)?;
        let Lines { orders } = object(trade)?;
        let mut known = 0_usize;
        for raw in items(orders, "order")? {
            let line: LineId<'_> = object(raw)?;
            if !lines.contains(line.oid.0) {
                return Ok(false);
            }
            known += 1;
        }
        Ok(known > 0)
    }
}

fn code(sent: &Result<()>) -> Option<&str> {
    shipping_code(sent.as_ref().err()?.channel_code()?)
}
