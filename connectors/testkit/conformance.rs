//! What every connector must do, whatever its channel.

use super::FakeShop;
use crate::contract::Entry;

/// A channel under test.
#[derive(Debug)]
pub struct Subject {
    /// Its registry line.
    pub entry: &'static Entry,
    /// Settings of the connector, as a config would give them.
    pub settings: serde_json::Value,
    /// A shop that the channel's fake is built with.
    pub shop: FakeShop,
}
