//! `unseal`: for the person who must find out what was in a bad delivery.

use crate::config::SecretRef;
use crate::output::line;
use crate::seal::Sealer;
use std::io::Read;

/// Reads a record of the quarantine or dead-letter topic, or its `sealed` value alone, from standard input, and prints
/// the bytes in it. They may hold personal data: do not keep them.
///
///   kcat -b … -t quarantine.v1 -C -o -1 -e -f '%s' | channel-gateway unseal --key env:GATEWAY_SEALING_KEY
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::doc_markdown, reason = "help texts are printed as they stand")]
pub(super) struct Args {
    /// Where the sealing key is: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE")]
    key: String,
}

pub(super) fn run(args: &Args) -> Result<(), String> {
    let key = SecretRef::parse(&args.key)
        .ok_or("--key is a reference, env:NAME or file:PATH")?
        .resolve()?;
    let sealer = Sealer::try_new(&key).map_err(|error| error.to_string())?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    let record: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let sealed = record.as_ref().and_then(|record| record.get("sealed")?.as_str());
    let opened = sealer.open(sealed.unwrap_or(&text)).map_err(|error| error.to_string())?;
    line(String::from_utf8_lossy(&opened));
    Ok(())
}
