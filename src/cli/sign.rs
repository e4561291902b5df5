//! `sign`: the tool one reaches for when a signature is refused.

use crate::config::SecretRef;
use crate::output::line;
use connectors::contract::model::ShopId;
use connectors::contract::{Error, ShopSetup, sign};
use std::io::Read;
use std::path::PathBuf;

/// Reads the parameters of a request and prints the exact text that is signed (the secret in it shown as <secret>) and
/// the signature as it goes over the wire.
///
/// Parameters are given decoded, as NAME=VALUE, or encoded as in a request with --query. What is called `sign` is not
/// part of the text; with --expect it is compared.
///
///   channel-gateway sign taobao --secret env:APP_SECRET sign_method=md5 method=taobao.time.get app_key=1 …
///   channel-gateway sign partner --secret env:SECRET id=msg_1 timestamp=1700000000 --body order.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::doc_markdown, reason = "help texts are printed as they stand")]
pub(super) struct Args {
    /// Channel
    channel: String,
    /// Parameters, decoded; `-` reads more from standard input, one a line
    #[arg(value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Parameters, encoded as in a URL or a form
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Body that is signed, from a file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Where the secret is: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE")]
    secret: String,
    /// Signature that was received; exits 1 if it is another
    #[arg(long, value_name = "SIGNATURE")]
    expect: Option<String>,
}

pub(super) fn run(args: Args) -> Result<(), String> {
    let known = || connectors::REGISTRY.iter().map(|entry| entry.channel).collect::<Vec<_>>();
    let entry = connectors::find(&args.channel)
        .ok_or_else(|| format!("no channel {}; known: {}", args.channel, known().join(", ")))?;
    let secret = SecretRef::parse(&args.secret)
        .ok_or("--secret is a reference, env:NAME or file:PATH; a secret on a command line is seen by everybody")?
        .resolve()?;
    let mut params = Vec::new();
    for param in &args.params {
        if param == "-" {
            for line in read_stdin()?.lines().filter(|line| !line.is_empty()) {
                params.push(split(line)?);
            }
        } else {
            params.push(split(param)?);
        }
    }
    if let Some(query) = &args.query {
        let query = query.trim_start_matches('?').as_bytes();
        params.extend(form_urlencoded::parse(query).into_owned());
    }
    let body = match &args.body {
        None => Vec::new(),
        Some(path) if path.as_os_str() == "-" => read_stdin()?.into_bytes(),
        Some(path) => {
            std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let text = |error: Error| error.to_string();
    let setup =
        ShopSetup { shop: ShopId::try_new("sign").map_err(text)?, settings: serde_json::json!({}) };
    let connector = (entry.build)(setup).map_err(text)?;
    let shown = connector.auth().explain(&secret, &params, &body).map_err(text)?;
    line(format_args!("scheme     {}", shown.scheme));
    line(format_args!("text       {}", shown.string_to_sign));
    line(format_args!("signature  {}", shown.signature));
    match args.expect {
        Some(expected) if !sign::matches(expected.as_bytes(), shown.signature.as_bytes()) => {
            Err("the received signature is another".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

fn split(param: &str) -> Result<(String, String), String> {
    let (name, value) =
        param.split_once('=').ok_or_else(|| format!("`{param}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn read_stdin() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}
