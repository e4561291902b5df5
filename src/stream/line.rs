//! One connection's life: opened, served until it ends, opened again after a pause.

use super::connection::Connection;
use super::work::Gauges;
use super::{Member, Parts};
use crate::config;
use crate::shops::Shop;
use crate::shutdown::Shutdown;
use connectors::contract::{
    Credentials, Error, ErrorKind, Opening, Result, Secret, StreamPace, StreamSource,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest pause after repeated failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The shops of one address, application and group, and the connection that brings their messages.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) settings: config::Stream,
    pub(super) parts: Parts,
    pub(super) channel: &'static str,
    pub(super) pace: StreamPace,
    /// Shops by the words that messages name them by.
    pub(super) shops: HashMap<String, Arc<Shop>>,
    pub(super) gauges: Gauges,
    pub(super) is_shared: bool,
    /// The shop that speaks for all: they share everything that a connection needs.
    first: Arc<Shop>,
    secret: Secret,
    url: String,
    app_key: String,
    group: String,
}

/// How a connection ended.
pub(super) struct Ended {
    /// Whether the channel had accepted it.
    pub(super) was_accepted: bool,
    pub(super) error: Error,
}

impl Line {
    /// A line for these shops, which share address, application and group.
    pub(super) fn new(
        settings: config::Stream,
        members: Vec<Member>,
        parts: Parts,
    ) -> Option<Self> {
        let Member { shop: first, url, secret } = members.first().cloned()?;
        let source = first.connector.stream()?;
        let is_shared = members.len() > 1;
        let (pace, group) = (source.pace(), source.group().to_owned());
        let mut shops: HashMap<String, Arc<Shop>> = HashMap::new();
        for Member { shop, .. } in members {
            for name in shop.connector.stream().map(StreamSource::names).unwrap_or_default() {
                if let Some(other) = shops.insert(name, Arc::clone(&shop)) {
                    let (channel, one, other) = (shop.channel, &shop.id, &other.id);
                    tracing::error!(channel, shop = %one, %other, "two shops of a stream have one name");
                }
            }
        }
        let (channel, app_key) = (first.channel, first.app_key.clone());
        let gauges = Gauges::of(&parts.metrics, channel, &app_key, &group);
        let line = Self {
            settings,
            parts,
            channel,
            pace,
            shops,
            gauges,
            is_shared,
            first,
            secret,
            url,
            app_key,
            group,
        };
        Some(line)
    }

    /// Runs until the gateway goes down.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let mut failures = 0_u32;
        while !shutdown.is_stopped() {
            let served = tokio::select! {
                opened = self.open() => match opened {
                    Ok(connection) => connection.serve(&self, &shutdown).await,
                    Err(error) => Err(Ended { was_accepted: false, error }),
                },
                () = shutdown.stopped() => return,
            };
            let Err(Ended { was_accepted, error }) = served else { return };
            failures = if was_accepted { 0 } else { failures.saturating_add(1) };
            self.say(&error, failures);
            tokio::select! {
                () = tokio::time::sleep(self.pause(&error, failures)) => {}
                () = shutdown.stopped() => return,
            }
        }
    }

    async fn open(&self) -> Result<Connection> {
        let missing = || Error::new(ErrorKind::Unsupported, "the channel has no stream");
        let source = self.first.connector.stream().ok_or_else(missing)?;
        let credentials = Credentials {
            app_key: self.app_key.clone(),
            app_secret: self.secret.clone(),
            token: None,
        };
        let opening = source.open(&credentials, self.parts.clock.now());
        let Opening { query, headers, first, session } = opening;
        let address = [self.url.as_str(), &query].concat();
        let mut socket = self.parts.transport.open_socket(&address, headers).await?;
        if let Some(first) = first {
            socket.send(first).await?;
        }
        Ok(Connection::new(socket, session))
    }

    pub(super) fn accepted(&self) {
        let (channel, app_key, group) = (self.channel, &self.app_key, &self.group);
        tracing::info!(channel, app_key, group, "the stream is open");
        self.parts.metrics.stream_connects.with_label_values(&[channel, "ok"]).inc();
        self.gauges.connected.set(1);
    }

    fn say(&self, error: &Error, failures: u32) {
        let (channel, app_key, group) = (self.channel, &self.app_key, &self.group);
        if failures > 0 {
            let labels = [channel, error.kind().label()];
            self.parts.metrics.stream_connects.with_label_values(&labels).inc();
        }
        if error.kind() == ErrorKind::Unauthorized {
            tracing::error!(channel, app_key, group, %error, "the stream is refused; it needs a person");
        } else {
            tracing::warn!(channel, app_key, group, failures, %error, "the stream has ended");
        }
    }

    /// Doubled with each failure, and never the same for two: connections that broke together do not come back together.
    fn pause(&self, error: &Error, failures: u32) -> Duration {
        let base = Duration::from_millis(self.settings.reconnect_ms);
        let doubled = base.saturating_mul(2_u32.saturating_pow(failures.clamp(1, 16) - 1));
        let pause = doubled.min(LONGEST_PAUSE);
        let random = getrandom::u32().unwrap_or(0) % 1000;
        let jittered = pause / 2 + pause * random / 1000;
        jittered.max(error.kind().retry_after().unwrap_or_default())
    }
}
