//! docs/signatures.md: every channel of this build has a recipe, and every example of it is what the connector computes.

use crate::repository::{assert_none, read};
use crate::support::run;
use connectors::contract::model::ShopId;
use connectors::contract::{Connector, Secret, ShopSetup};
use std::sync::Arc;

const DOCUMENT: &str = "docs/signatures.md";

/// A fenced example: `secret`, any number of `param NAME=VALUE`, perhaps a `body`, the `text` and the `result`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Example {
    channel: String,
    line: usize,
    secret: String,
    params: Vec<(String, String)>,
    body: String,
    text: String,
    result: String,
}

/// All examples of the document, in order. What cannot be read fails the test with its line.
fn examples(document: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let (mut channel, mut open): (&str, Option<Example>) = ("", None);
    for (at, line) in (1..).zip(document.lines()) {
        let Some(example) = &mut open else {
            if let Some(name) = line.strip_prefix("## ") {
                channel = name.trim_matches('`');
            } else if line == "```signature" {
                let channel = channel.to_owned();
                open = Some(Example { channel, line: at, ..Example::default() });
            }
            continue;
        };
        if line == "```" {
            examples.extend(open.take());
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start_matches(' ').to_owned();
        match word {
            "secret" => example.secret = rest,
            "body" => example.body = rest,
            "text" => example.text = rest,
            "result" => example.result = rest,
            "param" => {
                let (name, value) = rest
                    .split_once('=')
                    .unwrap_or_else(|| panic!("{DOCUMENT}:{at}: no NAME=VALUE"));
                example.params.push((name.to_owned(), value.to_owned()));
            }
            _ => panic!("{DOCUMENT}:{at}: `{word}` is no part of an example"),
        }
    }
    assert_eq!(open, None, "an example has no end");
    examples
}

fn connector(channel: &str) -> Option<Arc<dyn Connector>> {
    let shop = ShopId::try_new("one").unwrap();
    let settings = serde_json::json!({});
    connectors::find(channel).map(|entry| (entry.build)(ShopSetup { shop, settings }).unwrap())
}

#[test]
fn every_channel_has_a_recipe_with_an_example() {
    let document = read(DOCUMENT);
    let examples = examples(&document);
    let mut findings = Vec::new();
    for entry in connectors::REGISTRY {
        let channel = entry.channel;
        if !document.lines().any(|line| line == format!("## `{channel}`")) {
            findings.push(format!("{DOCUMENT} has no section ## `{channel}`"));
        }
        if !examples.iter().any(|example| example.channel == channel) {
            findings.push(format!("{DOCUMENT} has no example of {channel}"));
        }
    }
    assert_none("recipes of signatures", &findings);
}

#[test]
fn every_example_is_what_the_connector_computes() {
    let mut findings = Vec::new();
    let mut computed = 0;
    for example in examples(&read(DOCUMENT)) {
        let place = format!("{DOCUMENT}:{}", example.line);
        for (word, value) in
            [("secret", &example.secret), ("text", &example.text), ("result", &example.result)]
        {
            if value.is_empty() {
                findings.push(format!("{place}: no {word}"));
            }
        }
        if example.text.contains(&example.secret) {
            findings.push(format!("{place}: the text shows the secret"));
        }
        let Some(connector) = connector(&example.channel) else { continue };
        let secret = Secret::new(example.secret.as_str());
        let body = example.body.as_bytes();
        match connector.auth().explain(&secret, &example.params, body) {
            Err(error) => findings.push(format!("{place}: {error}")),
            Ok(shown) => {
                computed += 1;
                for (word, said, right) in [
                    ("text", &example.text, &shown.string_to_sign),
                    ("result", &example.result, &shown.signature),
                ] {
                    if said != right {
                        findings.push(format!("{place}: {word} is {right}"));
                    }
                }
            }
        }
    }
    assert!(computed >= connectors::REGISTRY.len(), "only {computed} examples were computed");
    assert_none("examples of signatures", &findings);
}

#[test]
fn a_changed_value_changes_every_example() {
    for example in examples(&read(DOCUMENT)) {
        let Some(connector) = connector(&example.channel) else { continue };
        let (secret, body) = (Secret::new(example.secret.as_str()), example.body.as_bytes());
        let last = example.params.len() - 1;
        let mut params = example.params.clone();
        params[last].1.push('0');
        // A method of signing that does not exist is refused, which is as good.
        if let Ok(shown) = connector.auth().explain(&secret, &params, body) {
            assert_ne!(shown.signature, example.result, "{DOCUMENT}:{}", example.line);
        }
    }
}

#[tokio::test]
async fn every_example_verifies_on_the_command_line() {
    for example in examples(&read(DOCUMENT)) {
        if connectors::find(&example.channel).is_none() {
            continue;
        }
        let body = std::env::temp_dir().join(crate::support::unique("body"));
        std::fs::write(&body, &example.body).unwrap();
        let params: Vec<String> =
            example.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut args = vec!["verify", &example.channel, "--secret", "env:S"];
        args.extend(["--received", &example.result, "--body", body.to_str().unwrap()]);
        args.extend(params.iter().map(String::as_str));
        let (code, said, complaints) = run(&args, &[("S", &example.secret)]).await;
        std::fs::remove_file(&body).unwrap();
        assert_eq!(code, 0, "{DOCUMENT}:{}\n{said}{complaints}", example.line);
    }
}

#[test]
fn an_example_is_read_as_it_is_written() {
    let text = "## `a`\n```signature\nsecret   s\nparam    x=1=2\nparam    y=\nbody     {\"b\": 1}\n\
                text     <secret>  z\nresult   R\n```\n## Other\n";
    let expected = Example {
        channel: "a".to_owned(),
        line: 2,
        secret: "s".to_owned(),
        params: vec![("x".to_owned(), "1=2".to_owned()), ("y".to_owned(), String::new())],
        body: "{\"b\": 1}".to_owned(),
        text: "<secret>  z".to_owned(),
        result: "R".to_owned(),
    };
    assert_eq!(examples(text), [expected]);
}
