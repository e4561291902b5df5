//! TMC's server: connections, and messages that come again until they are confirmed.
//!
//! As the channel: nobody is let in without a signature and a known group; a message that is not confirmed is sent again,
//! after five minutes or at once on another connection; a ping is not answered, because the official client breaks the
//! connection over a pong. Unlike the channel every seller has subscribed to everything, and at most so many messages are
//! kept instead of those of a day. Told to lose answers, it loses confirms too, each with its connection.

mod frames;

use crate::contract::Frame;
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::sign;
use crate::testkit::{Due, FakeShop};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) const PATH: &str = "/tmc";

const GROUP: &str = "default";
/// How far the clocks of client and server may be apart.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(10);
const SEND_AGAIN_AFTER_MS: i64 = 300_000;
/// Messages kept for one application.
const KEPT: usize = 20_000;
/// Messages sent at a time.
const BATCH: usize = 200;
const FIRST_ID: i64 = 5_152_000_000_000_000_000;
/// Every so many messages come packed, to a client that can open them.
const PACKED_EVERY: i64 = 3;
/// What clients that open packed content call themselves in `sdk`. Those for Node, which work with the channel, do not open it.
const OPENERS: [&str; 2] = ["top-sdk-java", "channel-gateway"];

/// A seller, as messages name it.
#[derive(Debug)]
struct Seller {
    shop: ShopId,
    app_key: String,
    user_id: i64,
}

#[derive(Debug)]
struct Message {
    app_key: String,
    topic: &'static str,
    user_id: i64,
    nick: String,
    published_ms: i64,
    content: String,
    /// Where and when it was last sent.
    sent: Option<(u64, i64)>,
}

#[derive(Debug, Default)]
struct Connection {
    /// Application and token, once it is let in.
    admitted: Option<(String, String)>,
    answers: Vec<Vec<u8>>,
    opens_packed: bool,
    is_over: bool,
}

/// All connections and messages.
#[derive(Debug, Default)]
pub(super) struct Hub {
    secrets: BTreeMap<String, String>,
    sellers: Vec<Seller>,
    connections: BTreeMap<u64, Connection>,
    messages: BTreeMap<i64, Message>,
    /// Messages to send, by application.
    fresh: BTreeMap<String, VecDeque<i64>>,
    /// Every so many confirms are lost with their connection; 0 is never.
    pub(super) lost_confirm_every: u32,
    confirms: u64,
    opened: u64,
    published: i64,
    pub(super) sent: u64,
    pub(super) confirmed: u64,
    pub(super) failed: u64,
}

impl Hub {
    pub(super) fn new(shops: &[FakeShop]) -> Self {
        let secret = |shop: &FakeShop| (shop.app_key.clone(), shop.secret.clone());
        let seller = |(user_id, shop): (i64, &FakeShop)| Seller {
            shop: shop.shop.clone(),
            app_key: shop.app_key.clone(),
            user_id,
        };
        let sellers = (2_054_500_001..).zip(shops).map(seller).collect();
        Self { secrets: shops.iter().map(secret).collect(), sellers, ..Self::default() }
    }

    /// Publishes a message of a seller. One whose id at the gateway is no user id has it for its nick.
    pub(super) fn publish(
        &mut self,
        shop: &ShopId,
        nick: &str,
        topic: &'static str,
        mut content: Value,
        now: Timestamp,
    ) {
        let Some(seller) = self.sellers.iter().find(|seller| seller.shop == *shop) else { return };
        let is_user_id = shop.as_str() == seller.user_id.to_string();
        let nick = if is_user_id { nick } else { shop.as_str() };
        if let Some(fields) = content.as_object_mut() {
            fields.insert("seller_nick".to_owned(), nick.into());
        }
        self.published += 1;
        let id = FIRST_ID.saturating_add(self.published);
        let message = Message {
            app_key: seller.app_key.clone(),
            topic,
            user_id: seller.user_id,
            nick: nick.to_owned(),
            published_ms: now.unix_ms(),
            content: content.to_string(),
            sent: None,
        };
        let fresh = self.fresh.entry(seller.app_key.clone()).or_default();
        fresh.push_back(id);
        self.messages.insert(id, message);
        if self.messages.len() > KEPT.saturating_mul(self.secrets.len().max(1)) {
            self.messages.pop_first();
        }
    }

    /// Tells that the seller withdrew the authorization.
    pub(super) fn revoke(&mut self, shop: &ShopId, nick: &str, now: Timestamp) {
        let Some(seller) = self.sellers.iter().find(|seller| seller.shop == *shop) else { return };
        let is_user_id = shop.as_str() == seller.user_id.to_string();
        let mut content = json!({ "open_id": "AAF-x" });
        if let Some(fields) = content.as_object_mut().filter(|_| is_user_id) {
            fields.insert("user_id".to_owned(), seller.user_id.to_string().into());
        }
        self.publish(shop, nick, "taobao_top_AuthCancel", content, now);
    }

    pub(super) fn open(&mut self) -> u64 {
        self.opened += 1;
        self.connections.insert(self.opened, Connection::default());
        self.opened
    }

    pub(super) fn received(&mut self, number: u64, frame: &Frame, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let received = match frame {
            Frame::Binary(bytes) => frames::read(bytes),
            Frame::Text(_) => None,
        };
        let Some(received) = received else {
            connection.is_over = true;
            return;
        };
        let admitted = connection.admitted.clone();
        match (received.kind, admitted) {
            (0, None) => match admit(&self.secrets, &received, now) {
                Ok(app_key) => {
                    let seed = format!("{app_key}/{number}");
                    let digest = hex::encode(sign::md5(&[seed.as_bytes()]));
                    let token: String = digest.chars().take(12).collect();
                    connection.answers.push(frames::accepted(received.flag, &token));
                    let sdk = received.text("sdk");
                    connection.opens_packed = OPENERS.iter().any(|name| sdk.starts_with(name));
                    connection.admitted = Some((app_key, token));
                }
                Err((status, phrase)) => {
                    connection.answers.push(frames::refused(received.flag, status, phrase));
                    connection.is_over = true;
                }
            },
            (2, Some((app_key, token))) if received.token.as_deref() == Some(&token) => {
                self.take(&app_key, number, &received, now);
            }
            _ => connection.is_over = true,
        }
    }

    fn take(&mut self, app_key: &str, number: u64, received: &frames::Received, now: Timestamp) {
        let id = received.number("id");
        let own =
            id.filter(|id| self.messages.get(id).is_some_and(|message| message.app_key == app_key));
        match (received.number("__kind"), own) {
            (Some(1), _) => self.send_again(app_key, now),
            (Some(2), Some(id)) => {
                self.confirms += 1;
                let every = u64::from(self.lost_confirm_every);
                if every > 0 && self.confirms.is_multiple_of(every) {
                    if let Some(connection) = self.connections.get_mut(&number) {
                        connection.is_over = true;
                    }
                    return;
                }
                self.messages.remove(&id);
                self.confirmed += 1;
            }
            (Some(20), Some(_)) => self.failed += 1,
            _ => {}
        }
    }

    /// What was sent long ago and is not confirmed waits again.
    fn send_again(&mut self, app_key: &str, now: Timestamp) {
        let is_late = |message: &Message| {
            let late = |(_, at)| now.unix_ms().saturating_sub(at) >= SEND_AGAIN_AFTER_MS;
            message.app_key == app_key && message.sent.is_some_and(late)
        };
        let late: Vec<i64> = self
            .messages
            .iter()
            .filter(|(_, message)| is_late(message))
            .map(|(id, _)| *id)
            .collect();
        self.wait_again(late);
    }

    fn wait_again(&mut self, ids: Vec<i64>) {
        for id in ids.into_iter().rev() {
            let Some(message) = self.messages.get_mut(&id) else { continue };
            message.sent = None;
            self.fresh.entry(message.app_key.clone()).or_default().push_front(id);
        }
    }

    pub(super) fn due(&mut self, number: u64, now: Timestamp) -> Due {
        let Some(connection) = self.connections.get_mut(&number) else {
            return Due { frames: Vec::new(), end: true };
        };
        let mut out = std::mem::take(&mut connection.answers);
        let end = connection.is_over;
        if let Some((app_key, token)) = connection.admitted.as_ref().filter(|_| !end) {
            let fresh = self.fresh.entry(app_key.clone()).or_default();
            while out.len() < BATCH
                && let Some(id) = fresh.pop_front()
            {
                let Some(message) = self.messages.get_mut(&id) else { continue };
                message.sent = Some((number, now.unix_ms()));
                self.sent += 1;
                let head = frames::Head {
                    id,
                    topic: message.topic,
                    publisher: "4272",
                    user_id: message.user_id,
                    nick: &message.nick,
                    published_ms: message.published_ms,
                    sent_ms: now.unix_ms(),
                };
                let is_packed = connection.opens_packed && id % PACKED_EVERY == 0;
                out.push(frames::data(token, &head, &message.content, is_packed));
            }
        }
        let frames = out.into_iter().map(|frame| Frame::Binary(frame.into())).collect();
        Due { frames, end }
    }

    pub(super) fn closed(&mut self, number: u64) {
        self.connections.remove(&number);
        let was_here = |message: &Message| message.sent.is_some_and(|(on, _)| on == number);
        let ids = self.messages.iter().filter(|(_, message)| was_here(message));
        let ids = ids.map(|(id, _)| *id).collect();
        self.wait_again(ids);
    }

    pub(super) fn cut(&mut self) {
        for connection in self.connections.values_mut() {
            connection.is_over = true;
        }
    }

    pub(super) fn unconfirmed(&self) -> usize {
        self.messages.len()
    }
}

/// Lets a client in, or says why not.
fn admit(
    secrets: &BTreeMap<String, String>,
    received: &frames::Received,
    now: Timestamp,
) -> Result<String, (i32, &'static str)> {
    let [app_key, group, said] =
        ["app_key", "group_name", "timestamp"].map(|name| received.text(name));
    let secret = secrets.get(app_key).ok_or((401, "app_key invalid"))?;
    let text = format!("{secret}app_key{app_key}group_name{group}timestamp{said}{secret}");
    let expected = hex::encode_upper(sign::md5(&[text.as_bytes()]));
    if received.text("sign") != expected {
        return Err((401, "sign error"));
    }
    let at: i64 = said.parse().map_err(|_| (401, "timestamp invalid"))?;
    let at = Timestamp::from_unix_ms(at);
    if at.since(now).max(now.since(at)) > CLOCK_TOLERANCE {
        return Err((401, "timestamp invalid"));
    }
    if group != GROUP {
        return Err((404, "group not exists"));
    }
    Ok(app_key.to_owned())
}
