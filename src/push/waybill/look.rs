//! One parcel and its channel: telling, and looking whether it was told.

use connectors::contract::model::{Shipped, Waybill, WaybillAction};
use connectors::contract::{Error, ErrorKind, Result, Session, WaybillSink};

/// What the channel's own list says of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is there.
    There,
    /// It is not, and others are.
    Others,
    /// Nothing is.
    Nothing,
}

/// One parcel and the channel.
pub(super) struct Telling<'t> {
    pub(super) sink: &'t dyn WaybillSink,
    pub(super) session: Session<'t>,
    pub(super) waybill: Waybill,
}

impl Telling<'_> {
    pub(super) async fn tell(&self) -> Result<()> {
        self.sink.ship(&self.session, &self.waybill).await
    }

    /// An error says that the list could not be read, which is not "not there".
    pub(super) async fn look(&self) -> Result<Found> {
        let known = self.sink.shipped(&self.session, &self.waybill.order_id).await?;
        Ok(find(&known, &self.waybill.number))
    }

    /// When every try ended without an answer, the channel's own list decides, if it can be read.
    pub(super) async fn last_word(&self, error: &Error) -> Result<()> {
        let is_whole = self.waybill.lines.is_empty() && self.waybill.action == WaybillAction::Ship;
        match self.look().await {
            Ok(Found::There) if !self.sink.in_steps() => Ok(()),
            Ok(Found::Others) if is_whole => {
                let text = "the order is shipped, and not with this number";
                Err(Error::new(ErrorKind::Conflict, text))
            }
            Ok(_) | Err(_) => Err(in_doubt(error)),
        }
    }
}

/// Whether a number is among those that the channel lists. Channels trim numbers, and some change their case.
pub(super) fn find(known: &[Shipped], number: &str) -> Found {
    let is_ours = |shipped: &Shipped| shipped.number.trim().eq_ignore_ascii_case(number.trim());
    if known.iter().any(is_ours) {
        Found::There
    } else if known.is_empty() {
        Found::Nothing
    } else {
        Found::Others
    }
}

/// However it failed, it is not known whether the parcel is there.
pub(super) fn in_doubt(error: &Error) -> Error {
    if error.kind() == ErrorKind::Unavailable {
        return error.clone();
    }
    let text = "a call had no answer, and the channel does not say whether it has the parcel";
    let in_doubt = Error::new(ErrorKind::Unavailable, text);
    match error.channel_code() {
        Some(code) => in_doubt.code(code),
        None => in_doubt,
    }
}
