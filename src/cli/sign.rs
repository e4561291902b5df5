//! `sign`: makes a signature as a channel does, and shows how.

use super::inputs::{self, Inputs};
use super::verdict::is_same;

/// Reads the parameters of a request and shows, step by step, how they are signed: the parameters in signing order, the
/// exact text (the secret in it shown as <secret>), the digest, and the signature as it goes over the wire.
///
/// Parameters are given decoded, as NAME=VALUE, or encoded as in a request with --query. What is called `sign` is not
/// part of the text; with --expect it is compared. To find out why a signature is refused: channel-gateway verify --help
///
///   channel-gateway sign taobao --secret env:APP_SECRET sign_method=md5 method=taobao.time.get app_key=1 …
///   channel-gateway sign partner --secret env:SECRET id=msg_1 timestamp=1700000000 --body order.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::doc_markdown, reason = "help texts are printed as they stand")]
pub(super) struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// Signature that was received; exits 1 if it is another
    #[arg(long, value_name = "SIGNATURE")]
    expect: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let (secret, connector) = (args.inputs.secret()?, args.inputs.connector()?);
    let parts = args.inputs.read()?;
    let shown = connector
        .auth()
        .explain(&secret, &parts.params, &parts.body)
        .map_err(|error| error.to_string())?;
    inputs::show(&shown);
    match &args.expect {
        Some(received) if !is_same(received, &shown.signature) => {
            Err("the received signature is another; `verify` looks for the reason".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}
