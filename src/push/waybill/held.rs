//! Whether an order may ship now: what is remembered of it, and what the channel says when it is asked again.

use super::command::WaybillCommand;
use crate::holds::{Held, Reason, of_order, of_refund};
use crate::push::delivery::Delivery;
use crate::shops::{Class, Shop};
use connectors::contract::model::{RefundId, WaybillAction};
use connectors::contract::{Error, ErrorKind, Event, Result};

/// The refusal of a parcel whose order is held. Costs reads at the channel only where a hold is remembered; an error says
/// that the channel could not be asked.
pub(super) async fn refusal(
    delivery: &Delivery,
    shop: &Shop,
    command: &WaybillCommand,
) -> Result<Option<Error>> {
    // A number is corrected of what has left.
    if command.force || command.action == WaybillAction::Replace {
        return Ok(None);
    }
    let known =
        delivery.parts.holds.find(shop.channel, shop.id.as_str(), command.order_id.as_str());
    let Some(held) = known.await.filter(|held| held.against(&command.lines).is_some()) else {
        return Ok(None);
    };
    let held = ask(delivery, shop, command, held).await?;
    Ok(held.against(&command.lines).map(refused))
}

/// Reads the order and its open refunds again, as far as the channel lets them be read.
async fn ask(
    delivery: &Delivery,
    shop: &Shop,
    command: &WaybillCommand,
    mut held: Held,
) -> Result<Held> {
    let caller = shop.caller(Class::Waybill);
    let session = caller.session(delivery.parts.clock.now());
    if let Some(source) = shop.connector.orders() {
        let notice = source.order(&session, &command.order_id).await?;
        if let Event::Order(order) = notice.event {
            held = held.with_order_of(of_order(&order));
        }
    }
    if let Some(source) = shop.connector.refunds() {
        let open: Vec<String> = held.open_refunds().map(str::to_owned).collect();
        for id in open {
            let Ok(id) = RefundId::try_new(&id) else { continue };
            let notice = source.refund(&session, &id).await?;
            if let Event::Refund(refund) = notice.event {
                held = held.with_refunds_of(of_refund(&refund));
            }
        }
    }
    Ok(held)
}

fn refused(reason: &Reason) -> Error {
    let word = &reason.word;
    let text = format!(
        "held: {word}; command again when that is settled, or with `force` to ship it nevertheless"
    );
    Error::new(ErrorKind::Rejected, text)
}

/// Not known to be settled is not settled.
pub(super) fn unsaid() -> Error {
    let text = "held when the order was last heard of, and the channel cannot be asked whether it still is; command again";
    Error::new(ErrorKind::Rejected, text)
}
