//! What `sign` and `verify` are given, and how they show a signature.

use crate::config::SecretRef;
use crate::output::line;
use connectors::contract::model::ShopId;
use connectors::contract::{
    Connector, Entry, Explanation, Secret, ShopSetup, SignedParts, explain,
};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "help texts are printed as they stand")]
pub(super) struct Inputs {
    /// Channel
    channel: String,
    /// Parameters, decoded; `-` reads more from standard input, one a line
    #[arg(value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Parameters, encoded as in a URL or a form; what is not UTF-8 is read as GBK
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Body that is signed, from a file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Where the secret is: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE")]
    secret: String,
    /// Settings of the shop as in its config, in JSON, where the signature depends on them
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
}

impl Inputs {
    pub(super) fn secret(&self) -> Result<Secret, String> {
        SecretRef::parse(&self.secret)
            .filter(|reference| !matches!(reference, SecretRef::Dev(_)))
            .ok_or("--secret is a reference, env:NAME or file:PATH; a secret on a command line is seen by everybody")?
            .resolve()
    }

    /// The channel's connector.
    pub(super) fn connector(&self) -> Result<Arc<dyn Connector>, String> {
        let entry = find(&self.channel)?;
        let shop = ShopId::try_new("sign").map_err(|error| error.to_string())?;
        let settings = serde_json::from_str(&self.settings)
            .map_err(|error| format!("--settings is not JSON: {error}"))?;
        (entry.build)(ShopSetup { shop, settings })
            .map_err(|error| format!("{error}, in --settings"))
    }

    /// Parameters in the order they were given, the body, and the signature among the parameters.
    pub(super) fn read(&self) -> Result<SignedParts, String> {
        let mut params = Vec::new();
        for param in &self.params {
            if param == "-" {
                let text = String::from_utf8(read(Path::new("-"))?)
                    .map_err(|_| "standard input is not UTF-8")?;
                for line in text.lines().filter(|line| !line.is_empty()) {
                    params.push(split(line)?);
                }
            } else {
                params.push(split(param)?);
            }
        }
        if let Some(query) = &self.query {
            params.extend(explain::read_form(query.trim_start_matches('?').as_bytes()));
        }
        let body = self.body.as_deref().map(read).transpose()?;
        let received = explain::signature_among(&params);
        Ok(SignedParts { params, body: body.unwrap_or_default(), received })
    }
}

/// The registry line of a channel that a person named.
pub(super) fn find(channel: &str) -> Result<&'static Entry, String> {
    let known = || connectors::REGISTRY.iter().map(|entry| entry.channel).collect::<Vec<_>>();
    connectors::find(channel)
        .ok_or_else(|| format!("no channel {channel}; known: {}", known().join(", ")))
}

/// A file, or standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Prints a signature step by step.
pub(super) fn show(shown: &Explanation) {
    line(format_args!("scheme     {}", shown.scheme));
    let mut head = "signed";
    for (name, value) in &shown.params {
        line(format_args!("{head:<10} {name} = {value}"));
        head = "";
    }
    line(format_args!("text       {}", shown.string_to_sign));
    if let Some(digest) = &shown.digest {
        line(format_args!("digest     {} {}", digest.algorithm, digest.hex));
    }
    line(format_args!("signature  {}", shown.signature));
}

fn split(param: &str) -> Result<(String, String), String> {
    let (name, value) =
        param.split_once('=').ok_or_else(|| format!("`{param}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
