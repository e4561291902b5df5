//! The platform's message stream (TMC): one WebSocket for each application and group, with messages for all its sellers.
//!
//! A message is a hint. It names a trade or a refund, which is then read whole; steps of parcels and stock levels are
//! said by the message itself. The channel keeps messages for a day at most, so trades are polled as well.

mod frame;
mod gzip;
mod session;
#[cfg(test)]
mod session_tests;
mod topics;
#[cfg(test)]
mod topics_tests;

use super::Taobao;
use crate::contract::carriers::Carriers;
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{Credentials, Error, Opening, Result, StreamPace, StreamSource};
use http::HeaderMap;
use serde::Deserialize;
use session::Session;
use std::time::Duration;

/// What the official client does.
const PULL_EVERY: Duration = Duration::from_secs(15);
const PING_EVERY: Duration = Duration::from_secs(45);
/// Longest name of a group.
const GROUP_LIMIT_CHARS: usize = 32;

/// Settings of a shop's stream.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// Group of the application that the seller is in.
    group: String,
    /// The seller's nick, for messages that do not say the user id.
    nick: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { group: "default".to_owned(), nick: None }
    }
}

/// A shop in the stream.
#[derive(Debug)]
pub(super) struct Stream {
    shop: ShopId,
    settings: Settings,
}

impl Stream {
    pub(super) fn try_new(shop: ShopId, settings: Settings) -> Result<Self> {
        if settings.group.is_empty() || settings.group.chars().count() > GROUP_LIMIT_CHARS {
            let text = "a group's name has 1 to 32 characters";
            return Err(Error::malformed(text).at("stream.group"));
        }
        Ok(Self { shop, settings })
    }
}

/// Ids and nicks are different words: a nick may be made of digits.
fn by_id(id: impl std::fmt::Display) -> String {
    format!("id:{id}")
}

fn by_nick(nick: &str) -> String {
    format!("nick:{nick}")
}

impl StreamSource for Taobao {
    fn group(&self) -> &str {
        &self.stream.settings.group
    }

    /// A shop whose id is not a user id goes by it as by a nick.
    fn names(&self) -> Vec<String> {
        let Stream { shop, settings } = &self.stream;
        let is_user_id = shop.as_str().bytes().all(|byte| byte.is_ascii_digit());
        let own = if is_user_id { by_id(shop) } else { by_nick(shop.as_str()) };
        std::iter::once(own).chain(settings.nick.as_deref().map(by_nick)).collect()
    }

    fn pace(&self) -> StreamPace {
        StreamPace { pull_every: Some(PULL_EVERY), ping_every: Some(PING_EVERY) }
    }

    fn open(&self, credentials: &Credentials, now: Timestamp) -> Opening {
        let carriers: Carriers = self.top.carriers.clone();
        Opening {
            query: String::new(),
            headers: HeaderMap::new(),
            first: Some(session::connect(credentials, self.group(), now)),
            session: Box::new(Session::new(carriers)),
        }
    }
}
