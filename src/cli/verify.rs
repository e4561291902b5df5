//! `verify`: the tool one reaches for when a signature is refused.

use super::inputs::{self, Inputs};
use super::request::Captured;
use super::verdict::{is_same, reason};
use crate::clock::{Clock, SystemClock};
use crate::output::line;
use connectors::contract::model::{ShopId, Timestamp};
use connectors::contract::{Connector, Error, Key, RawWebhook, Secret, SignedParts, WebhookSource};
use std::path::{Path, PathBuf};

/// Larger numbers are milliseconds.
const LARGEST_SECS: i64 = 100_000_000_000;
/// A request names few times; more are not tried.
const MOMENTS: usize = 16;

/// Checks a signature that was received, shows how the right one is made, and looks for what went wrong.
///
/// It shows the parameters in signing order, the exact text (the secret in it shown as <secret>), its digest and the
/// right signature. If another was received, it makes the usual mistakes on purpose (an encoded value, a lost +,
/// GBK for UTF-8, JSON written again, a newline behind the secret …), says which one gives the received signature, and
/// exits 1. The received signature is that of --received, or the parameter `sign` or `ac`.
///
/// A captured request can be pasted into a file and judged whole with --request: the request line, headers, an empty
/// line, the body. Where the channel calls us, at /v1/CHANNEL/SHOP, it is judged as the gateway would judge it.
///
/// The signature of the channel's own example is right:
///
///   APP_SECRET=helloworld channel-gateway verify taobao --secret env:APP_SECRET --query 'method=taobao.item.seller.get&app_key=12345678&session=test&timestamp=2016-01-01+12%3A00%3A00&format=json&v=2.0&sign_method=md5&fields=num_iid%2Ctitle%2Cnick%2Cprice%2Cnum&num_iid=11223344&sign=66987CB115214E59E6EC978214934FB8'
///
/// This one was made over a time with a + in it, and verify says so:
///
///   APP_SECRET=helloworld channel-gateway verify taobao --secret env:APP_SECRET method=taobao.time.get app_key=1 sign_method=md5 'timestamp=2016-01-01 12:00:00' --received 4D21173704673CE333675DCD3A3DE726
///
/// A delivery as it was captured:
///
///   PARTNER_SECRET=whsec_Y2hhbm5lbC1nYXRld2F5LWV4YW1wbGUtc2VjcmV0LTE= channel-gateway verify partner --secret env:PARTNER_SECRET --request docs/examples/partner-delivery.http.txt
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::doc_markdown, reason = "help texts are printed as they stand")]
pub(super) struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// Signature that was received
    #[arg(long, value_name = "SIGNATURE")]
    received: Option<String>,
    /// Captured HTTP request, from a file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["params", "query", "body"])]
    request: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let (secret, connector) = (args.inputs.secret()?, args.inputs.connector()?);
    let mut gateway = Gateway::IsNotAsked;
    let mut parts = match &args.request {
        None => args.inputs.read()?,
        Some(path) => {
            let (parts, judged) = judge(&*connector, &secret, path)?;
            gateway = judged;
            parts
        }
    };
    if args.received.is_some() {
        gateway = Gateway::IsNotAsked;
        parts.received.clone_from(&args.received);
    }
    explained(&*connector, &secret, &parts, &gateway)
}

/// What the gateway says of a delivery.
enum Gateway {
    /// There is no delivery, or the channel does not call us.
    IsNotAsked,
    /// It takes it, or took it when it was sent.
    Takes,
    /// It refuses it at any time, for this reason.
    Refuses(String),
}

/// Shows the right signature and compares. Where the gateway was asked, its word is the last.
fn explained(
    connector: &dyn Connector,
    secret: &Secret,
    parts: &SignedParts,
    gateway: &Gateway,
) -> Result<(), String> {
    let SignedParts { params, body, received } = parts;
    let auth = connector.auth();
    let shown = auth.explain(secret, params, body).map_err(text)?;
    inputs::show(&shown);
    let Some(received) = received else {
        return Err(
            "nothing to compare with: give --received, or `sign` among the parameters".to_owned()
        );
    };
    line(format_args!("received   {received}"));
    match gateway {
        Gateway::Refuses(refusal) if is_same(received, &shown.signature) => {
            Err(format!("the signature itself is right; refused all the same: {refusal}"))
        }
        Gateway::Takes => right(),
        Gateway::IsNotAsked if is_same(received, &shown.signature) => right(),
        Gateway::IsNotAsked | Gateway::Refuses(_) => {
            Err(reason(auth, secret, params, body, received))
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the last word of a command")]
fn right() -> Result<(), String> {
    line("verdict    the received signature is right");
    Ok(())
}

/// Reads a captured request, and judges it as the gateway would where the channel calls us.
fn judge(
    connector: &dyn Connector,
    secret: &Secret,
    path: &Path,
) -> Result<(SignedParts, Gateway), String> {
    let captured = Captured::parse(&inputs::read(path)?)?;
    let is_delivery = captured.shop().is_some();
    for note in &captured.notes {
        line(format_args!("note       {note}"));
    }
    let shop = ShopId::try_new(captured.shop().unwrap_or("verify")).map_err(text)?;
    let path = captured.path.clone();
    let Captured { method, query, headers, body, .. } = captured;
    let raw = RawWebhook { shop, method, query, headers, body };
    let parts = connector.auth().signed_parts(&path, &raw);
    let Some(source) = connector.webhooks() else { return Ok((parts, Gateway::IsNotAsked)) };
    let keys = [Key { index: 0, secret: secret.clone() }];
    let now = SystemClock.now();
    let Err(refused) = source.verify(&keys, now, &raw) else {
        line("gateway    takes it");
        return Ok((parts, Gateway::Takes));
    };
    // A call of ours to the channel, which signs other things than the channel's calls to us.
    if !is_delivery {
        return Ok((parts, Gateway::IsNotAsked));
    }
    line(format_args!("gateway    refuses it now: {refused}"));
    let Some(at) = signed_at(source, &keys, &raw, &parts) else {
        return Ok((parts, Gateway::Refuses(refused.to_string())));
    };
    let at = at.to_china();
    line(format_args!("           it would have taken it at {at} (China), when it was sent"));
    Ok((parts, Gateway::Takes))
}

/// A moment named in the request at which the gateway would have taken it.
fn signed_at(
    source: &dyn WebhookSource,
    keys: &[Key],
    raw: &RawWebhook,
    parts: &SignedParts,
) -> Option<Timestamp> {
    let headers = raw.headers.values().filter_map(|value| value.to_str().ok());
    let params = parts.params.iter().map(|(_, value)| value.as_str());
    let moments = params.chain(headers).filter_map(moment).take(MOMENTS);
    moments.into_iter().find(|at| source.verify(keys, *at, raw).is_ok())
}

fn moment(text: &str) -> Option<Timestamp> {
    let Ok(number) = text.parse::<i64>() else { return Timestamp::parse_china(text).ok() };
    let ms = if number > LARGEST_SECS { number } else { number.checked_mul(1000)? };
    Some(Timestamp::from_unix_ms(ms))
}

fn text(error: Error) -> String {
    error.to_string()
}
