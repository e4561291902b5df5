//! `simulate`: a strict fake of a channel on a socket.

use super::flags::{Rate, faults};
use super::inputs::find;
use super::trade::{Rates, Trade};
use crate::courier::{Courier, Pauses};
use crate::output::line;
use crate::shutdown::Shutdown;
use connectors::contract::model::ShopId;
use connectors::testkit::{FakeShop, Faults};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Answers a channel's API with invented shops that keep orders, refunds, stock and shipments, verifies every signature
/// and enforces the channel's limits. Buyers order, change and return at the given rates. With --target, what the channel
/// pushes is delivered to a gateway on this machine, and tried again until it is taken; without it, it stays.
///
/// Every ten seconds it says how many orders there are, which calls were answered, and what was delivered. It listens
/// on the loopback interface only.
///
/// A shop to poll, whose channel loses every 20th answer and refuses every 50th call:
///
///   channel-gateway simulate taobao --shops 3 --orders-per-second 50 --faults lost-answer=20,throttle=50,expired-tokens
///
/// A partner that calls the gateway (which must know the shops and secrets that are printed):
///
///   channel-gateway simulate partner --orders-per-second 50 --target http://127.0.0.1:8080
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::doc_markdown, reason = "help texts are printed as they stand")]
pub(super) struct Args {
    /// Channel
    channel: String,
    /// Port on the loopback interface; 0 takes a free one
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Shops
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    shops: u32,
    /// New orders in a second, over all shops; like 50 or 0.2
    #[arg(long, value_name = "RATE", default_value = "1")]
    orders_per_second: Rate,
    /// Orders that somebody changes, in a second
    #[arg(long, value_name = "RATE", default_value = "0.2")]
    edits_per_second: Rate,
    /// Refunds that buyers ask for, in a second
    #[arg(long, value_name = "RATE", default_value = "0.1")]
    refunds_per_second: Rate,
    /// Faults of the channel: lost-answer=N and throttle=N (every N-th call), expired-tokens (until renewed)
    #[arg(long, value_name = "LIST", value_parser = faults)]
    faults: Option<Faults>,
    /// Gateway on this machine that is called, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// What is ordered follows from this number
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub(super) async fn run(args: Args) -> Result<(), String> {
    let entry = find(&args.channel)?;
    let shops = (1..=args.shops).map(shop).collect::<Result<Vec<FakeShop>, String>>()?;
    for shop in &shops {
        line(format_args!(
            "shop {}  app_key {}  secret {}  token {}",
            shop.shop, shop.app_key, shop.secret, shop.token
        ));
    }
    let ids: Vec<ShopId> = shops.iter().map(|shop| shop.shop.clone()).collect();
    let fake = (entry.fake)(shops);
    fake.set_faults(args.faults.unwrap_or_default());
    let courier = args
        .target
        .as_deref()
        .map(|target| Courier::try_new(Arc::clone(&fake), target, Pauses::default()).map(Arc::new))
        .transpose()?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let shutdown = Shutdown::default();
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), args.port);
    let address = crate::simulate::serve(Arc::clone(&fake), address, &shutdown)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    line(format_args!("listening on http://{address}"));
    if let Some(stream) = fake.stream() {
        line(format_args!("stream at ws://{address}{}", stream.path()));
    }
    if let Some(courier) = &courier {
        shutdown.spawn(Arc::clone(courier).run(shutdown.clone()));
    }
    let rates = Rates {
        orders: args.orders_per_second,
        edits: args.edits_per_second,
        refunds: args.refunds_per_second,
    };
    let trade = Trade::new(fake, courier, ids, args.seed);
    tokio::select! {
        () = trade.run(rates) => {}
        () = trade.report() => {}
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    shutdown.stop();
    shutdown.wait().await;
    line(trade);
    Ok(())
}

/// Invented credentials: the simulator is for loopback only, and everybody may know them. A shop's id is a number, since some
/// channels' clients take nothing else.
fn shop(number: u32) -> Result<FakeShop, String> {
    use base64::Engine;
    let key = format!("channel-gateway-simulator-{number:04}");
    let secret = base64::engine::general_purpose::STANDARD.encode(key);
    Ok(FakeShop {
        shop: ShopId::try_new(&(2_054_500_000 + u64::from(number)).to_string())
            .map_err(|error| error.to_string())?,
        app_key: (12_345_000 + number).to_string(),
        secret: format!("whsec_{secret}"),
        token: format!("simulated-token-{number}"),
    })
}
