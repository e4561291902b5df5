//! Takes messages in over the long connections that channels offer: one for each address, application and group.
//!
//! Promises: a message is confirmed only after everything it says is acknowledged by Kafka or kept in quarantine; what is
//! not confirmed, the channel sends again. What is under way is bounded: at the bound nothing more is read from the
//! socket. A connection that ends is opened again, and whatever was under way on it comes again and is a duplicate.
//!
//! A message is a hint like a webhook: channels keep messages for a limited time, so polling stays the truth.

mod connection;
mod line;
mod work;

use crate::clock::Clock;
use crate::config;
use crate::egress::Transport;
use crate::intake::Intake;
use crate::shops::Shop;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Metrics;
use connectors::contract::{Secret, StreamSource};
use line::Line;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What streams work with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Takes what messages say.
    pub intake: Intake,
    /// Opens connections.
    pub transport: Transport,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// A shop whose messages come by a stream.
#[derive(Debug, Clone)]
pub struct Member {
    /// The shop.
    pub shop: Arc<Shop>,
    /// Address of the stream.
    pub url: String,
    /// Secret of the application.
    pub secret: Secret,
}

/// Starts a loop for every connection that these shops need.
pub fn start(settings: &config::Stream, members: Vec<Member>, parts: &Parts, shutdown: &Shutdown) {
    let mut lines: BTreeMap<(&str, String, String, String), Vec<Member>> = BTreeMap::new();
    for member in members {
        let Some(group) = member.shop.connector.stream().map(StreamSource::group) else { continue };
        let (channel, app_key) = (member.shop.channel, member.shop.app_key.clone());
        let key = (channel, member.url.clone(), app_key, group.to_owned());
        lines.entry(key).or_default().push(member);
    }
    for members in lines.into_values() {
        if let Some(line) = Line::new(settings.clone(), members, parts.clone()) {
            let stop = shutdown.clone();
            shutdown.spawn(async move { line.run(stop).await });
        }
    }
}
