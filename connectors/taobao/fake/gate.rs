//! TOP's gateway: who may call what, and how often.

use super::answers::{Answer, Refusal};
use super::call::Call;
use super::{Access, Api};
use crate::contract::{model::Timestamp, sign};
use crate::testkit::{FakeShop, Faults};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far the clocks of caller and TOP may be apart.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(10);
/// Life of a session and of what renews it, as test applications get them.
const SESSION_SECS: u64 = 86_400;
const REFRESH_SECS: u64 = 2_592_000;
/// How long an API refuses an application that was too fast.
const BAN: Duration = Duration::from_secs(1);

/// Calls a second that one application may make to one API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// To an API that reads.
    pub(super) reads: u32,
    /// To an API that changes something.
    pub(super) writes: u32,
}

impl Limits {
    /// What the fake grants unless a test says otherwise.
    pub(super) const DEFAULT: Self = Self { reads: 100, writes: 50 };
}

/// A seller's consent.
struct Session {
    app_key: String,
    shop: usize,
    /// End in milliseconds since 1970; none for the one that a shop starts with.
    ends_at: Option<i64>,
    /// Given out before the fault that expires tokens set in.
    is_stale: bool,
}

/// Calls of one application to one API.
#[derive(Default)]
struct Bucket {
    second_began: i64,
    calls: u32,
    banned_until: i64,
}

/// Applications, sessions and limits.
pub(super) struct Gate {
    secrets: BTreeMap<String, String>,
    sessions: BTreeMap<String, Session>,
    /// What renews a session, and the session it renews.
    refreshes: BTreeMap<String, (String, Option<i64>)>,
    buckets: BTreeMap<(String, &'static str), Bucket>,
    limits: Limits,
    faults: Faults,
    admitted: u64,
    issued: u64,
}

impl Gate {
    /// A gate for these shops. What renews a shop's first session is its token with `-refresh` behind it.
    pub(super) fn new(shops: &[FakeShop], limits: Limits) -> Self {
        let mut gate = Self {
            secrets: BTreeMap::new(),
            sessions: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            buckets: BTreeMap::new(),
            limits,
            faults: Faults::default(),
            admitted: 0,
            issued: 0,
        };
        for (shop, config) in shops.iter().enumerate() {
            gate.secrets.insert(config.app_key.clone(), config.secret.clone());
            let app_key = config.app_key.clone();
            let session = Session { app_key, shop, ends_at: None, is_stale: false };
            gate.sessions.insert(config.token.clone(), session);
            gate.refreshes
                .insert(format!("{}-refresh", config.token), (config.token.clone(), None));
        }
        gate
    }

    /// Takes over faults; expired tokens are those that exist now.
    pub(super) fn set_faults(&mut self, faults: Faults) {
        let begins = faults.expired_tokens && !self.faults.expired_tokens;
        for session in self.sessions.values_mut() {
            session.is_stale = faults.expired_tokens && (session.is_stale || begins);
        }
        self.faults = faults;
    }

    /// The seller of this shop withdraws the authorization.
    pub(super) fn end_sessions(&mut self, shop: usize) {
        self.sessions.retain(|_, session| session.shop != shop);
    }

    /// Lets a call in, in TOP's order of checks. Returns the shop that the session is of, where the API needs one.
    pub(super) fn admit(
        &mut self,
        call: &Call,
        api: &Api,
        now: Timestamp,
    ) -> Result<Option<usize>, Refusal> {
        let app_key = call.get("app_key").ok_or_else(|| Refusal::new(28, "Missing app key"))?;
        let secret =
            self.secrets.get(app_key).ok_or_else(|| Refusal::new(29, "Invalid app Key"))?;
        call.verify(secret)?;
        let said = call.timestamp()?;
        if said.since(now).max(now.since(said)) > CLOCK_TOLERANCE {
            return Err(Refusal::new(31, "Invalid timestamp"));
        }
        let shop = match api.access {
            Access::Shop(_) => Some(self.shop_of(call, app_key, now)?),
            Access::Anyone(_) | Access::Renewal => None,
        };
        match call.get("v") {
            Some("2.0") => {}
            Some(_) => return Err(Refusal::new(34, "Unsupported version")),
            None => return Err(Refusal::new(32, "Missing version")),
        }
        self.count(app_key, api, now)?;
        for argument in api.required {
            call.required(argument)?;
        }
        Ok(shop)
    }

    fn shop_of(&self, call: &Call, app_key: &str, now: Timestamp) -> Result<usize, Refusal> {
        let invalid = |sub_code: &'static str| {
            Refusal::new(27, "Invalid session")
                .because(sub_code, "非法或过期的SessionKey参数，请使用有效的SessionKey参数")
        };
        let token = call.get("session").ok_or_else(|| Refusal::new(26, "Missing session"))?;
        let session = self.sessions.get(token).ok_or_else(|| invalid("invalid-sessionkey"))?;
        if session.app_key != app_key {
            return Err(invalid(
                "sessionkey-not-generated-by-server:RealSession don't belong app and user",
            ));
        }
        if session.is_stale || session.ends_at.is_some_and(|end| now.unix_ms() >= end) {
            return Err(invalid("session-expired"));
        }
        Ok(session.shop)
    }

    fn count(&mut self, app_key: &str, api: &Api, now: Timestamp) -> Result<(), Refusal> {
        let limit = if api.is_writing { self.limits.writes } else { self.limits.reads };
        let bucket = self.buckets.entry((app_key.to_owned(), api.name)).or_default();
        let now_ms = now.unix_ms();
        if now_ms < bucket.banned_until {
            return Err(too_fast(bucket.banned_until - now_ms));
        }
        // What comes during a ban is not a turn: else a caller of even pace might meet nothing but bans.
        self.admitted += 1;
        if now_ms.abs_diff(bucket.second_began) >= 1000 {
            (bucket.second_began, bucket.calls) = (now_ms, 0);
        }
        bucket.calls += 1;
        if bucket.calls > limit || is_due(self.admitted, self.faults.throttle_every) {
            bucket.banned_until = now.plus(BAN).unix_ms();
            return Err(too_fast(bucket.banned_until - now_ms));
        }
        Ok(())
    }

    /// Whether the answer to the call just done gets lost.
    pub(super) fn loses_answer(&self, done: u64) -> bool {
        is_due(done, self.faults.lost_answer_every)
    }

    /// `taobao.top.auth.token.refresh`: a new session for an old one, which ends. Works once for each refresh token.
    pub(super) fn renew(&mut self, call: &Call, now: Timestamp) -> Answer {
        let refresh = call.required("refresh_token")?;
        let invalid = || Refusal::invalid("refresh_token");
        let (old, ends_at) = self.refreshes.get(refresh).ok_or_else(invalid)?;
        if ends_at.is_some_and(|end| now.unix_ms() >= end) {
            return Err(invalid());
        }
        let session = self.sessions.get(old).ok_or_else(invalid)?;
        if call.get("app_key") != Some(&session.app_key) {
            return Err(invalid());
        }
        let (old, shop, app_key) = (old.clone(), session.shop, session.app_key.clone());
        self.refreshes.remove(refresh);
        self.sessions.remove(&old);
        self.issued += 1;
        let user_id = user_id(shop);
        let seed = format!("{app_key}/{shop}/{}", self.issued);
        let unique = hex::encode(sign::md5(&[seed.as_bytes()]));
        let access = format!("6201{unique}{user_id}");
        let renewal = format!("6200{unique}{user_id}");
        let session_end = now.plus(Duration::from_secs(SESSION_SECS)).unix_ms();
        let refresh_end = now.plus(Duration::from_secs(REFRESH_SECS)).unix_ms();
        let session = Session { app_key, shop, ends_at: Some(session_end), is_stale: false };
        self.sessions.insert(access.clone(), session);
        self.refreshes.insert(renewal.clone(), (access.clone(), Some(refresh_end)));
        let token = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": SESSION_SECS,
            "refresh_token": renewal, "re_expires_in": REFRESH_SECS,
            "expire_time": session_end, "refresh_token_valid_time": refresh_end,
            "r1_expires_in": SESSION_SECS, "r1_valid": session_end,
            "r2_expires_in": SESSION_SECS, "r2_valid": session_end,
            "w1_expires_in": SESSION_SECS, "w1_valid": session_end,
            "w2_expires_in": 1800, "w2_valid": now.plus(Duration::from_mins(30)).unix_ms(),
            "taobao_user_id": user_id, "taobao_user_nick": "%E6%B5%8B%E8%AF%95",
        });
        Ok(json!({ "token_result": token.to_string() }))
    }
}

fn user_id(shop: usize) -> String {
    format!("{}", 2_054_500_001 + shop)
}

fn is_due(count: u64, every: u32) -> bool {
    every != 0 && count.is_multiple_of(u64::from(every))
}

fn too_fast(remaining_ms: i64) -> Refusal {
    let seconds = remaining_ms.saturating_add(999) / 1000;
    Refusal::new(7, "App Call Limited").because(
        "accesscontrol.limited-by-api-access-count",
        format!("This ban will last for {seconds} more seconds"),
    )
}
