//! A strict channel: each shop may call so often and not once more, with up to twenty SKUs of one listing.
//!
//! Taobao's API for stock, as far as the gateway needs it. Signatures are not checked: that is the matter of the fake that
//! the connectors are tested with, and would cost the machine that is being measured.

use super::commands::{LISTING, number};
use anyhow::Context;
use bytes::Bytes;
use channel_gateway::shutdown::Shutdown;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const TOO_FAST: &str = r#"{"error_response":{"code":7,"msg":"App Call Limited","sub_code":"accesscontrol.limited-by-api-access-count","sub_msg":"This ban will last for 1 more seconds"}}"#;
const WRONG: &str = r#"{"error_response":{"code":41,"msg":"Invalid arguments"}}"#;

/// A level that arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) sku: u64,
    pub(super) available: u32,
}

/// What the channel was told.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) calls: u64,
    /// Calls that came too fast, or that could not be understood.
    pub(super) refused: u64,
    /// When each shop's next call has been earned.
    earned: HashMap<String, Instant>,
}

/// The channel.
#[derive(Debug)]
pub(super) struct Channel {
    emission: Duration,
    /// Calls that a shop may have saved up: those of a second, because the way to a channel is not always equally long.
    saved: u32,
    books: Mutex<Books>,
}

impl Channel {
    /// Serves until shutdown; each shop may make so many calls a second. Returns where.
    pub(super) async fn serve(
        per_second: u32,
        shutdown: &Shutdown,
    ) -> anyhow::Result<(Arc<Self>, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let emission = Duration::from_secs(1) / per_second;
        let channel = Arc::new(Self { emission, saved: per_second, books: Mutex::default() });
        let (serving, stop) = (Arc::clone(&channel), shutdown.clone());
        shutdown.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.stopped() => return,
                };
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).ok();
                let (channel, stop_one) = (Arc::clone(&serving), stop.clone());
                stop.spawn(async move {
                    let service = service_fn(move |request| handle(Arc::clone(&channel), request));
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        // A connection that breaks is the client's affair.
                        _ = connection => {}
                        () = stop_one.stopped() => {}
                    }
                });
            }
        });
        Ok((channel, address))
    }

    /// What it was told so far; it begins anew.
    pub(super) fn take(&self) -> Books {
        std::mem::take(&mut *self.books.lock())
    }

    fn answer(&self, now: Instant, shop: &str, body: &str) -> String {
        let mut books = self.books.lock();
        books.calls += 1;
        let earned = books.earned.get(shop).copied().unwrap_or(now).max(now);
        if earned > now + self.emission * (self.saved - 1) {
            books.refused += 1;
            return TOO_FAST.to_owned();
        }
        books.earned.insert(shop.to_owned(), earned + self.emission);
        let Some(levels) = levels(body) else {
            books.refused += 1;
            return WRONG.to_owned();
        };
        let mut skus = Vec::with_capacity(levels.len());
        for (id, available) in levels {
            skus.push(format!(r#"{{"sku_id":{id},"quantity":{available}}}"#));
            let sku = number(id).unwrap_or(u64::MAX);
            books.arrivals.push(Arrival { at: now, sku, available });
        }
        let skus = skus.join(",");
        format!(r#"{{"skus_quantity_update_response":{{"item":{{"skus":{{"sku":[{skus}]}}}}}}}}"#)
    }
}

/// SKUs and levels of a call; none unless it is one that the channel takes.
fn levels(body: &str) -> Option<Vec<(&str, u32)>> {
    let argument = body.split('&').find_map(|pair| pair.strip_prefix("skuid_quantities="))?;
    let mut levels = Vec::new();
    for pair in argument.split("%3B") {
        let (id, available) = pair.split_once("%3A")?;
        levels.push((id, available.parse().ok()?));
    }
    let listing = |(id, _): &(&str, u32)| Some(number(id)? / LISTING);
    let first = listing(levels.first()?)?;
    let is_one = levels.iter().all(|level| listing(level) == Some(first));
    let fits = u64::try_from(levels.len()).is_ok_and(|count| count <= LISTING);
    (is_one && fits).then_some(levels)
}

async fn handle(
    channel: Arc<Channel>,
    request: Request<Incoming>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let body = std::str::from_utf8(&body).context("a form is text")?;
    let shop = parts.uri.path().trim_matches('/').split('/').next().unwrap_or_default();
    Ok(Response::new(Full::from(channel.answer(Instant::now(), shop, body))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::commands::id;

    #[test]
    fn a_call_too_many_is_refused_and_a_shop_earns_the_next_one() {
        let emission = Duration::from_millis(40);
        let channel = Channel { emission, saved: 2, books: Mutex::default() };
        let body = format!("type=1&skuid_quantities={}%3A5%3B{}%3A6", id(0), id(1));
        let is_told = |now, shop| !channel.answer(now, shop, &body).contains("error_response");
        let start = Instant::now();
        assert!(is_told(start, "a") && is_told(start, "a") && !is_told(start, "a"));
        assert!(is_told(start, "b"), "every shop has its own limit");
        assert!(is_told(start + emission, "a") && !is_told(start + emission, "a"));
        let books = channel.take();
        assert_eq!((books.calls, books.refused, books.arrivals.len()), (6, 2, 8));
    }

    #[test]
    fn a_call_is_of_one_listing_and_of_twenty_skus_at_most() {
        let body = |skus: &[u64]| {
            let pairs: Vec<String> = skus.iter().map(|sku| format!("{}%3A1", id(*sku))).collect();
            format!("skuid_quantities={}", pairs.join("%3B"))
        };
        assert_eq!(levels(&body(&[40, 59])).map(|levels| levels.len()), Some(2));
        assert_eq!(levels(&body(&[19, 20])), None);
        assert_eq!(levels(&body(&[0; 21])), None);
        assert_eq!(levels("skuid_quantities=x"), None);
    }
}
