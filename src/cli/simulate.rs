//! `simulate`: a strict fake of a channel on a socket.

use crate::clock::{Clock, SystemClock};
use crate::output::line;
use crate::shutdown::Shutdown;
use connectors::contract::model::ShopId;
use connectors::testkit::{Fake, FakeShop};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Answers a channel's API with invented shops that keep orders, refunds, stock and shipments, verifies every signature
/// and enforces the channel's limits. Orders come in at the given rate. What a channel pushes itself is not sent from
/// here: the demo and the tests do that.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Channel
    channel: String,
    /// Port on the loopback interface; 0 takes a free one
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Shops
    #[arg(long, default_value_t = 1)]
    shops: u32,
    /// New orders in a second, over all shops
    #[arg(long, default_value_t = 1)]
    orders_per_second: u32,
}

pub(super) async fn run(args: Args) -> Result<(), String> {
    let entry =
        connectors::find(&args.channel).ok_or_else(|| format!("no channel {}", args.channel))?;
    let shops = (1..=args.shops).map(shop).collect::<Result<Vec<FakeShop>, String>>()?;
    for shop in &shops {
        line(format_args!(
            "shop {}  app_key {}  secret {}  token {}",
            shop.shop, shop.app_key, shop.secret, shop.token
        ));
    }
    let ids: Vec<ShopId> = shops.iter().map(|shop| shop.shop.clone()).collect();
    let fake = (entry.fake)(shops);
    let shutdown = Shutdown::default();
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), args.port);
    let address = crate::simulate::serve(Arc::clone(&fake), address, &shutdown)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    line(format_args!("listening on http://{address}"));
    tokio::select! {
        () = sell(&*fake, &ids, args.orders_per_second) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    shutdown.stop();
    shutdown.wait().await;
    Ok(())
}

/// Invented credentials: the simulator is for loopback only, and everybody may know them.
fn shop(number: u32) -> Result<FakeShop, String> {
    use base64::Engine;
    let key = format!("channel-gateway-simulator-{number:04}");
    let secret = base64::engine::general_purpose::STANDARD.encode(key);
    Ok(FakeShop {
        shop: ShopId::try_new(&format!("shop-{number}")).map_err(|error| error.to_string())?,
        app_key: (12_345_000 + number).to_string(),
        secret: format!("whsec_{secret}"),
        token: format!("simulated-token-{number}"),
    })
}

async fn sell(fake: &dyn Fake, shops: &[ShopId], per_second: u32) {
    if per_second == 0 {
        return std::future::pending().await;
    }
    let mut turns = tokio::time::interval(Duration::from_secs(1) / per_second);
    for (seed, shop) in (0..).zip(shops.iter().cycle()) {
        turns.tick().await;
        fake.create_order(shop, seed, SystemClock.now());
    }
}
