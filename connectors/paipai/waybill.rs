//! Reports shipments.
//!
//! A deal is shipped whole, once, and only where it waits for that: the channel punishes calls that fail in a row. So
//! the deal is read first, every time. A deal that is shipped with our number is done, whoever said so and whether or
//! not the answer was lost.

use super::wire::Record;
use super::words::TO_SHIP;
use super::{Paipai, normalize};
use crate::contract::carriers::check_number;
use crate::contract::model::{OrderId, Shipped, Waybill, WaybillAction};
use crate::contract::{Error, ErrorKind, Result, Session, WaybillSink};
use async_trait::async_trait;

pub(super) const CONSIGN: &str = "sellerConsignDealItem";
/// The channel's word for a shipment without a parcel.
const NO_PARCEL: &str = "NO";
const NUMBER_LIMIT_BYTES: usize = 20;
const NAME_LIMIT_BYTES: usize = 256;

#[async_trait]
impl WaybillSink for Paipai {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        let (name, number) = self.parcel(waybill)?;
        let (deal, _) = self.deal(session, &waybill.order_id).await?;
        if is_done(&deal, waybill)? {
            return Ok(());
        }
        may_ship(&deal)?;
        holds_all(&deal, waybill)?;
        let request = self
            .seller(CONSIGN, "deal")
            .param("dealCode", waybill.order_id.as_str())
            .param("logisticsName", name)
            .param("logisticsCode", number)
            .param("logisticsDesc", "")
            .param("arriveDays", self.arrive_days.to_string());
        let Err(refused) = session.api.call(request).await else { return Ok(()) };
        if refused.kind() == ErrorKind::Rejected {
            // Somebody may have been faster, or an earlier try of this call.
            let (deal, _) = self.deal(session, &waybill.order_id).await?;
            if is_done(&deal, waybill)? {
                return Ok(());
            }
        }
        Err(refused)
    }

    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let (deal, _) = self.deal(session, order).await?;
        let at = deal.time("sellerConsignmentTime")?;
        let number = deal.text("wuliuCode")?;
        if number.is_none() && at.is_none() {
            return Ok(Vec::new());
        }
        let carrier = deal.cleaned("wuliuCompany")?.filter(|name| name != NO_PARCEL);
        let carrier =
            carrier.map(|name| self.carriers.canonical(&name).to_owned()).unwrap_or_default();
        Ok(vec![Shipped { carrier, number: number.unwrap_or_default(), at }])
    }
}

impl Paipai {
    /// The channel's words for the parcel, before any call is spent.
    fn parcel<'w>(&'w self, waybill: &'w Waybill) -> Result<(&'w str, &'w str)> {
        match waybill.action {
            WaybillAction::NoParcel => Ok((NO_PARCEL, "")),
            WaybillAction::Replace => {
                let text = "the channel takes no other number for a deal that is shipped";
                Err(Error::new(ErrorKind::Unsupported, text))
            }
            WaybillAction::Ship => {
                let name = self.carriers.word(&waybill.carrier, |carrier| Some(carrier.name))?;
                if name.len() > NAME_LIMIT_BYTES {
                    let text = "the channel takes names of up to 256 bytes";
                    return Err(Error::new(ErrorKind::Rejected, text).at("carrier"));
                }
                check_number(&waybill.carrier, &waybill.number)?;
                if waybill.number.len() > NUMBER_LIMIT_BYTES {
                    let text = "the channel takes numbers of up to 20 bytes";
                    return Err(Error::new(ErrorKind::Rejected, text).at("number"));
                }
                Ok((name, &waybill.number))
            }
        }
    }
}

/// Whether the deal is shipped as the waybill says; one that is shipped otherwise is an error.
fn is_done(deal: &Record, waybill: &Waybill) -> Result<bool> {
    let there = deal.cleaned("wuliuCode")?;
    if there.is_none() && deal.time("sellerConsignmentTime")?.is_none() {
        return Ok(false);
    }
    let is_ours = match waybill.action {
        WaybillAction::NoParcel => there.is_none(),
        WaybillAction::Ship | WaybillAction::Replace => {
            there.as_deref() == Some(waybill.number.as_str())
        }
    };
    if is_ours {
        return Ok(true);
    }
    Err(Error::new(ErrorKind::Conflict, "deal is shipped already, and not with this number"))
}

fn may_ship(deal: &Record) -> Result<()> {
    if normalize::is_cash_on_delivery(deal)? {
        let text = "the channel does not take shipments of what is paid at the door";
        return Err(Error::new(ErrorKind::Rejected, text));
    }
    if deal.word("dealState")? != Some(TO_SHIP) {
        return Err(Error::new(ErrorKind::Rejected, "deal does not wait to be shipped"));
    }
    Ok(())
}

/// The channel knows no parcels of a part of a deal.
fn holds_all(deal: &Record, waybill: &Waybill) -> Result<()> {
    if waybill.lines.is_empty() {
        return Ok(());
    }
    let units = normalize::units(deal)?;
    let in_parcel = |id: &str| -> u32 {
        let of_line = waybill.lines.iter().filter(|line| line.line_id == id);
        of_line.fold(0, |sum, line| sum.saturating_add(line.quantity))
    };
    let is_known = |id: &str| units.iter().any(|(known, _)| known == id);
    let all = units.iter().all(|(id, units)| in_parcel(id) == *units)
        && waybill.lines.iter().all(|line| is_known(&line.line_id));
    if all {
        return Ok(());
    }
    let text = "the channel ships whole deals; the parcel must hold all of every line";
    Err(Error::new(ErrorKind::Rejected, text).at("lines"))
}
