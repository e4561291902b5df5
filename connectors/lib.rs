//! The channels: what each one means, without I/O and without state.
//!
//! [`contract`] is what the gateway and a connector promise each other; every other folder is one channel. A channel is
//! its folder, one `mod` line and one line in [`REGISTRY`]; nothing else in the repository names it.

pub mod contract;
mod paipai;
mod partner;
mod shopex;
mod taobao;

#[cfg(feature = "testkit")]
pub mod testkit;

use contract::Entry;

/// Every channel this build knows.
pub const REGISTRY: &[Entry] =
    &[paipai::ENTRY, partner::ENTRY, shopex::ENTRY, shopex::ECSHOP, taobao::ENTRY, taobao::FENXIAO];

/// The registry line of a channel, by the name used in configs and in events.
pub fn find(channel: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.channel == channel)
}
