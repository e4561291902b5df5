//! Shops against the registry: what is asked of a connector, it must have; what it needs, it must get.

use super::check::Secrets;
use super::plan::ShopPlan;
use super::problem::Problem;
use super::{Channel, Config, Limit, SecretRef, Shop, StockRule};
use connectors::contract::model::{ShopId, Timestamp};
use connectors::contract::{Capability, Connector, Entry, Key, Secret, ShopSetup, Token};
use http::Uri;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

pub(super) fn check(
    config: &Config,
    secrets: &Secrets,
    networks: &[IpNet],
    problems: &mut Vec<Problem>,
) -> Vec<ShopPlan> {
    for (name, channel) in &config.channels {
        match connectors::find(name) {
            Some(entry) => {
                let known = known_limits(entry).into_iter().chain(["*"]).collect::<Vec<_>>();
                let key = format!("channels.{name}.app_limits");
                unknown_limits(&key, &channel.app_limits, &known, problems);
            }
            None => problems.push(Problem::new(format!("channels.{name}"), no_channel())),
        }
    }
    if config.shops.is_empty() {
        problems.push(Problem::warning("shops", "no shop is configured; there is nothing to do"));
    }
    let mut seen = HashSet::new();
    let nothing = Channel::default();
    let mut plans = Vec::with_capacity(config.shops.len());
    for (index, shop) in config.shops.iter().enumerate() {
        let key = format!("shops[{index}]");
        if !seen.insert((&shop.channel, &shop.id)) {
            problems.push(Problem::new(format!("{key}.id"), "this shop is there already"));
        }
        let shared = config.channels.get(&shop.channel).unwrap_or(&nothing);
        let mut judge = Judge { key, shop, shared, secrets, networks, config, problems };
        plans.extend(judge.plan());
    }
    plans
}

/// One shop, and where its problems go.
struct Judge<'a> {
    key: String,
    shop: &'a Shop,
    shared: &'a Channel,
    secrets: &'a Secrets,
    networks: &'a [IpNet],
    config: &'a Config,
    problems: &'a mut Vec<Problem>,
}

impl Judge<'_> {
    fn plan(&mut self) -> Option<ShopPlan> {
        let Some(entry) = connectors::find(&self.shop.channel) else {
            self.problem("channel", no_channel());
            return None;
        };
        let Ok(id) = ShopId::try_new(&self.shop.id) else {
            self.problem("id", "1 to 128 visible ASCII characters without : / \" \\");
            return None;
        };
        self.limits(entry);
        let connector = self.build(entry, &id)?;
        let enabled = self.capabilities(entry, &*connector);
        let keys = self.keys(&enabled);
        let calls = enabled.iter().any(|capability| *capability != Capability::Webhooks);
        let base_url = if calls { self.base_url() } else { String::new() };
        let streams = enabled.contains(&Capability::Stream);
        let stream_url = if streams { self.stream_url(&enabled) } else { String::new() };
        let (app_key, app_secret, token) =
            if calls { self.credentials(entry) } else { Default::default() };
        Some(ShopPlan {
            entry,
            id,
            connector,
            keys,
            enabled,
            base_url,
            stream_url,
            app_key,
            app_secret: app_secret.unwrap_or_else(|| Secret::new(Vec::new())),
            token,
            limits: self.shop.limits.clone(),
            stock_rules: self.stock_rules(),
            app_limits: self.shared.app_limits.clone(),
        })
    }

    fn problem(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(format!("{}.{field}", self.key), message));
    }

    fn build(&mut self, entry: &Entry, id: &ShopId) -> Option<Arc<dyn Connector>> {
        let Ok(settings) = serde_json::to_value(&self.shop.settings) else {
            self.problem("settings", "cannot be read");
            return None;
        };
        match (entry.build)(ShopSetup { shop: id.clone(), settings }) {
            Ok(connector) => Some(connector),
            Err(error) => {
                let field = error.path().map_or_else(String::new, |path| format!(".{path}"));
                self.problem(&format!("settings{field}"), error.context());
                None
            }
        }
    }

    fn capabilities(&mut self, entry: &Entry, connector: &dyn Connector) -> Vec<Capability> {
        let offered: Vec<&str> = Capability::ALL
            .into_iter()
            .filter(|capability| connector.has(*capability))
            .map(Capability::as_str)
            .collect();
        let mut enabled = Vec::new();
        for (index, word) in self.shop.enable.iter().enumerate() {
            let capability = Capability::ALL.into_iter().find(|one| one.as_str() == word);
            match capability {
                Some(capability) if connector.has(capability) => enabled.push(capability),
                _ => {
                    let text =
                        format!("the {} connector offers: {}", entry.channel, offered.join(", "));
                    self.problem(&format!("enable[{index}]"), text);
                }
            }
        }
        enabled
    }

    fn stock_rules(&mut self) -> Vec<StockRule> {
        for (index, rule) in self.shop.stock_rules.iter().enumerate() {
            if rule.share_percent > 100 {
                let text = "a share is 0 to 100 percent of the pool";
                self.problems.push(Problem::new(
                    format!("{}.stock_rules[{index}].share_percent", self.key),
                    text,
                ));
            }
        }
        self.shop.stock_rules.clone()
    }

    fn limits(&mut self, entry: &Entry) {
        let key = format!("{}.limits", self.key);
        unknown_limits(&key, &self.shop.limits, &known_limits(entry), self.problems);
    }

    fn keys(&mut self, enabled: &[Capability]) -> Vec<Key> {
        let mut keys = Vec::new();
        for (index, reference) in self.shop.webhook_secrets.iter().enumerate() {
            let key = format!("{}.webhook_secrets[{index}]", self.key);
            if let Some(secret) = self.secrets.get(&key, Some(reference), self.problems) {
                keys.push(Key { index, secret });
            }
        }
        if enabled.contains(&Capability::Webhooks) && self.shop.webhook_secrets.is_empty() {
            self.problem("webhook_secrets", "webhooks need a secret that they are signed with");
        }
        keys
    }

    fn base_url(&mut self) -> String {
        let url = self.shop.base_url.as_ref().or(self.shared.base_url.as_ref());
        let Some(url) = url.cloned() else {
            self.problem("base_url", "needed: the channel is called for what is enabled");
            return String::new();
        };
        let parsed: Option<Uri> = url.parse().ok();
        let host = parsed.as_ref().and_then(Uri::host).map(str::to_owned);
        match (parsed.as_ref().and_then(Uri::scheme_str), host) {
            (Some("https"), Some(_)) => {}
            (Some("http"), Some(host)) => {
                if !self.is_inside(&host) && !self.config.egress.allow_plain_http {
                    let text = "http:// shows tokens to everybody on the way: use https://, list the address in egress.allow_networks, or set egress.allow_plain_http";
                    self.problem("base_url", text);
                }
            }
            _ => self.problem("base_url", "expected https://HOST/PATH"),
        }
        url
    }

    fn is_inside(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        address.is_some_and(|address| self.networks.iter().any(|net| net.contains(&address)))
    }

    fn stream_url(&mut self, enabled: &[Capability]) -> String {
        if !enabled.contains(&Capability::Orders) {
            let text =
                "`stream` without `orders`: what the channel no longer keeps is fetched by nobody";
            self.warning("enable", text);
        }
        let url = self.shop.stream_url.as_ref().or(self.shared.stream_url.as_ref());
        let Some(url) = url.cloned() else {
            self.problem("stream_url", "needed: the address of the channel's message stream");
            return String::new();
        };
        let parsed: Option<Uri> = url.parse().ok();
        let host = parsed.as_ref().and_then(Uri::host).map(str::to_owned);
        match (parsed.as_ref().and_then(Uri::scheme_str), host) {
            (Some("wss"), Some(_)) => {}
            (Some("ws"), Some(host)) => {
                if !self.is_inside(&host) && !self.config.egress.allow_plain_http {
                    let text = "ws:// shows messages to everybody on the way, who may also change them: use wss:// where the channel offers it";
                    self.warning("stream_url", text);
                }
            }
            _ => self.problem("stream_url", "expected wss://HOST/PATH"),
        }
        url
    }

    fn warning(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::warning(format!("{}.{field}", self.key), message));
    }

    fn credentials(&mut self, entry: &Entry) -> (String, Option<Secret>, Option<Token>) {
        let app_key = self.shop.app_key.as_ref().or(self.shared.app_key.as_ref()).cloned();
        if app_key.is_none() && entry.needs_app {
            self.problem("app_key", "needed, here or in the channel's table");
        }
        let secret = self.shop.app_secret.as_ref().or(self.shared.app_secret.as_ref());
        if secret.is_none() && (entry.needs_app || entry.needs_secret) {
            self.problem("app_secret", "needed, here or in the channel's table");
        }
        let app_secret = self.get("app_secret", secret);
        if self.shop.token.is_none() && entry.needs_token {
            self.problem("token", "needed: the channel knows the shop by it");
        }
        let access = self.get("token", self.shop.token.as_ref());
        let refresh = self.get("refresh_token", self.shop.refresh_token.as_ref());
        let expires_at: Option<Timestamp> = None;
        let token = access.map(|access| Token { access, refresh, expires_at });
        (app_key.unwrap_or_default(), app_secret, token)
    }

    fn get(&mut self, field: &str, reference: Option<&SecretRef>) -> Option<Secret> {
        let key = format!("{}.{field}", self.key);
        self.secrets.get(&key, reference, self.problems)
    }
}

/// APIs that have limits.
fn known_limits(entry: &Entry) -> Vec<&'static str> {
    entry.quotas.iter().map(|quota| quota.api).collect()
}

fn unknown_limits(
    key: &str,
    limits: &BTreeMap<String, Limit>,
    known: &[&str],
    problems: &mut Vec<Problem>,
) {
    for api in limits.keys().filter(|api| !known.contains(&api.as_str())) {
        let text = format!("no such API of this channel; limited are: {}", known.join(", "));
        problems.push(Problem::new(format!("{key}.{api:?}"), text));
    }
}

fn no_channel() -> String {
    let known: Vec<&str> = connectors::REGISTRY.iter().map(|entry| entry.channel).collect();
    format!("no such channel here; known: {}", known.join(", "))
}
