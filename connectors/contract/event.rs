//! What a webhook or a page says: notices, and the id that makes the same change one event.

use super::model::{
    Order, OrderId, Refund, RefundId, ShipmentReport, ShopId, StockObservation, Timestamp,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt;

/// One thing that a channel said.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The shop it concerns, as the body says; the gateway refuses it when that is not the shop whose key signed.
    pub shop: ShopId,
    /// What it says.
    pub event: Event,
}

/// What a notice says. Fat notices carry the whole record; thin ones name it and are hydrated.
#[derive(Debug, Clone)]
pub enum Event {
    /// A whole order.
    Order(Box<Order>),
    /// A whole refund.
    Refund(Box<Refund>),
    /// An order changed; read it.
    OrderChanged {
        /// Which one.
        id: OrderId,
        /// Its modification time, where the notice says it.
        modified: Option<Timestamp>,
    },
    /// A refund changed; read it.
    RefundChanged {
        /// Which one.
        id: RefundId,
        /// Its modification time, where the notice says it.
        modified: Option<Timestamp>,
    },
    /// Somebody says that a parcel left, or where it is.
    Shipment(Box<ShipmentReport>),
    /// Somebody says how many units there are.
    Stock(Box<StockObservation>),
    /// The seller withdrew the authorization: no call for this shop will succeed until it is given anew.
    AuthorizationEnded,
    /// A record that cannot be true or cannot be read: to quarantine, never thrown away.
    Suspect(Box<Suspect>),
}

/// A record for quarantine.
#[derive(Debug, Clone)]
pub struct Suspect {
    /// Why, with the path of the field.
    pub error: super::Error,
    /// Its id, where one could be read.
    pub object_id: Option<String>,
    /// The record as the channel sent it. It may hold personal data, so the gateway encrypts it.
    pub raw: Bytes,
}

/// Deterministic id of an event: the same change has the same id by webhook, stream and poll.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// First 16 bytes of SHA-256 over channel, shop, kind, object id and version part, each behind its length.
    ///
    /// The version part of a snapshot is its modification time and the hash of its canonical content: second-granular
    /// clocks make two changes in one second routine. The version part of a fact is the channel's own event id. Never a
    /// delivery id, which changes with every retry.
    pub fn of(channel: &str, shop: &str, kind: &str, object: &str, version: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in [channel, shop, kind, object].map(str::as_bytes).iter().chain(version) {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hasher.finalize()) {
            *to = from;
        }
        Self(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_run_into_each_other() {
        let one = EventId::of("a", "bc", "order", "1", &[b"2", b"3"]);
        let other = EventId::of("ab", "c", "order", "1", &[b"2", b"3"]);
        let third = EventId::of("a", "bc", "order", "1", &[b"23"]);
        assert_ne!(one, other);
        assert_ne!(one, third);
        assert_eq!(one.to_string().len(), 32);
    }
}
