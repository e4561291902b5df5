//! The fake channels, each on a socket of its own, and the config that points the gateway at them.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channel_gateway::shutdown::Shutdown;
use channel_gateway::simulate;
use connectors::contract::model::{OrderId, ShopId, Timestamp};
use connectors::contract::{Capability, Entry, ShopSetup};
use connectors::testkit::{Fake, FakeShop};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Every n-th turn of a shop changes an order, or asks for money back.
const EDIT_EVERY: u64 = 4;
const REFUND_EVERY: u64 = 9;

pub(super) struct Channel {
    pub(super) entry: &'static Entry,
    pub(super) fake: Arc<dyn Fake>,
    pub(super) shops: Vec<FakeShop>,
    enabled: Vec<&'static str>,
    address: SocketAddr,
    made: Mutex<Vec<(ShopId, OrderId)>>,
}

/// All channels of the registry.
pub(super) struct Fleet {
    pub(super) channels: Vec<Channel>,
}

impl Fleet {
    pub(super) async fn start(shops: u32, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let mut channels = Vec::new();
        for entry in connectors::REGISTRY {
            let shops: Vec<FakeShop> =
                (1..=shops).map(|number| shop(entry.channel, number)).collect::<Result<_, _>>()?;
            let fake = (entry.fake)(shops.clone());
            let address = simulate::serve(Arc::clone(&fake), LOOPBACK, shutdown).await?;
            let enabled = offered(entry)?;
            let made = Mutex::default();
            channels.push(Channel { entry, fake, shops, enabled, address, made });
        }
        Ok(Self { channels })
    }

    /// A config as an operator would write one, but for the secrets, which everybody may know.
    pub(super) fn config(&self) -> String {
        let mut text = "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
            [telemetry]\nlog = \"error\"\n\
            [poll]\ninterval_ms = 500\nsettle_secs = 1\noverlap_secs = 5\nlookback_secs = 60\nhydrate_parallel = 16\n"
            .to_owned();
        for channel in &self.channels {
            for shop in &channel.shops {
                text += &shop_config(channel, shop);
            }
        }
        text
    }

    /// One turn of trade in every shop.
    pub(super) fn trade(&self, seed: u64, now: Timestamp) {
        for channel in &self.channels {
            for (number, shop) in (0_u64..).zip(&channel.shops) {
                let seed = seed.wrapping_mul(31).wrapping_add(number);
                let id = channel.fake.create_order(&shop.shop, seed, now);
                let mut made = channel.made.lock();
                made.push((shop.shop.clone(), id));
                let older = usize::try_from(seed).unwrap_or(0) % made.len();
                let Some((shop, id)) = made.get(older) else { continue };
                if seed.is_multiple_of(EDIT_EVERY) {
                    channel.fake.edit_order(shop, id, now);
                }
                if seed.is_multiple_of(REFUND_EVERY) {
                    channel.fake.create_refund(shop, id, now);
                }
            }
        }
    }
}

fn shop_config(channel: &Channel, shop: &FakeShop) -> String {
    let (name, enabled, address) = (channel.entry.channel, &channel.enabled, channel.address);
    let FakeShop { shop: id, app_key, secret, token } = shop;
    let text = format!(
        "[[shops]]\nchannel = \"{name}\"\nid = \"{id}\"\nenable = {enabled:?}\nbase_url = \"http://{address}/api\"\n\
         app_key = \"{app_key}\"\napp_secret = \"dev:{secret}\"\ntoken = \"dev:{token}\"\n\
         refresh_token = \"dev:{token}-refresh\"\n"
    );
    let webhooks = if enabled.contains(&Capability::Webhooks.as_str()) {
        format!("webhook_secrets = [\"dev:{secret}\"]\n")
    } else {
        String::new()
    };
    let stream = channel.fake.stream().map_or_else(String::new, |stream| {
        format!("stream_url = \"ws://{address}{}\"\n", stream.path())
    });
    [text, webhooks, stream].concat()
}

/// What the connector of a channel can do.
fn offered(entry: &Entry) -> anyhow::Result<Vec<&'static str>> {
    let setup = ShopSetup { shop: ShopId::try_new("any")?, settings: serde_json::json!({}) };
    let connector = (entry.build)(setup).with_context(|| entry.channel)?;
    Ok(Capability::ALL
        .into_iter()
        .filter(|capability| connector.has(*capability))
        .map(Capability::as_str)
        .collect())
}

fn shop(channel: &str, number: u32) -> anyhow::Result<FakeShop> {
    let key = STANDARD.encode(format!("channel-gateway-demo-{channel}-{number:04}"));
    Ok(FakeShop {
        shop: ShopId::try_new(&format!("{channel}-{number}"))?,
        app_key: (12_345_000 + number).to_string(),
        secret: format!("whsec_{key}"),
        token: format!("demo-token-{channel}-{number}"),
    })
}
