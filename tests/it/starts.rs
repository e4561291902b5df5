//! What `check` accepts starts: every documented setting and capability of every channel, every number at its ends, and
//! the files that an operator copies. What cannot start is refused with its key.

use crate::repository::{files, read};
use crate::support::{SECRET, Setup, eventually, exchange, unique};
use channel_gateway::app::App;
use channel_gateway::config::{self, Plan};
use channel_gateway::judge::judge;
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeSet;
use std::time::Duration;
use toml::{Table, Value};

/// Gateways that are started at once.
const AT_ONCE: usize = 4;
/// Half of what librdkafka waits by itself.
const SOON: Duration = Duration::from_secs(30);
/// Nobody listens there, so what a gateway calls is not the channel.
const NOBODY: &str = "127.0.0.1:1";

/// What `check --dev` says of a config.
fn check(text: &str) -> Result<Plan, String> {
    let (plan, problems) = config::judged(true, Some(text), judge);
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    plan.ok_or_else(|| said.join("\n"))
}

/// Starts what was accepted, sees it ready, and stops it.
async fn start(name: &str, plan: Plan) {
    let app = App::start(plan).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let request = b"GET /readyz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
    eventually(&format!("{name} is ready"), async || {
        (exchange(app.admin(), request).await.status == 200).then_some(())
    })
    .await;
    app.stop().await;
}

/// A gateway without shops on real services, where the topics are there.
async fn services(name: &str) -> Setup {
    let setup = Setup::new(name);
    setup.clone().start().await.stop().await;
    setup
}

async fn start_all(plans: Vec<(String, Plan)>) {
    let starts = stream::iter(plans).map(|(name, plan)| async move { start(&name, plan).await });
    starts.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// A file that an operator copies, with secrets that tests know and addresses where nobody listens.
fn copied(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace("https://", "http://").replace("wss://", "ws://");
        let (before, after) = line.split_once("\"env:").unwrap_or((&line, ""));
        if let Some((_, after)) = after.split_once('"') {
            return format!("{before}\"dev:{SECRET}\"{after}").replace("env:", "dev:");
        }
        let Some((scheme, rest)) = line.split_once("://") else { return line };
        let path = rest.find(['/', '"']).map_or("", |at| rest.split_at(at).1);
        format!("{scheme}://{NOBODY}{path}")
    });
    lines.map(|line| line + "\n").collect()
}

/// The settings file of each channel, as a config.
fn settings_files() -> Vec<(String, String)> {
    let found =
        files("connectors", "toml").into_iter().filter(|path| path.ends_with("settings.toml"));
    let config = |path: std::path::PathBuf| {
        let mut text = copied(&read(&path));
        if !text.contains("[[shops]]") {
            text = format!(
                "[[shops]]\nchannel = \"partner\"\nid = \"s1\"\nenable = [\"webhooks\", \"stock\", \"waybills\"]\n\
                 base_url = \"http://{NOBODY}/\"\napp_secret = \"dev:{SECRET}\"\nwebhook_secrets = [\"dev:{SECRET}\"]\n\
                 [shops.settings]\n{text}"
            );
        }
        (path.display().to_string(), text)
    };
    found.map(config).collect()
}

/// Other texts for a line: the setting that is commented out, the values that the comment above names, each capability
/// alone.
fn variants(line: &str, above: &str) -> Vec<String> {
    let is_setting = |line: &str| {
        let name = line.split_once(" = ").map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some(line) = line.strip_prefix("# ").filter(|line| is_setting(line)) {
        return vec![line.to_owned()];
    }
    let Some((name, value)) = line.split_once(" = ").filter(|_| is_setting(line)) else {
        return Vec::new();
    };
    if name == "enable" {
        let words = value.split('"').skip(1).step_by(2);
        return words.map(|word| format!("enable = [\"{word}\"]")).collect();
    }
    let words = || above.split([' ', ',', '.', ':', ';']).filter(|word| !word.is_empty());
    if matches!(value, "true" | "false") {
        return vec![format!("{name} = true"), format!("{name} = false")];
    }
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        let numbers = words().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        return numbers.map(|number| format!("{name} = {number}")).collect();
    }
    let is_word =
        value.trim_matches('"').bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // A name of a shop may be any word; that is no other setting.
    if !is_word || matches!(name, "channel" | "id" | "app_key") {
        return Vec::new();
    }
    words().map(|word| format!("{name} = \"{word}\"")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_setting_and_capability_that_check_accepts_starts() {
    let services = services("settings").await.config();
    let mut plans = Vec::new();
    let mut accepted = BTreeSet::new();
    for (path, text) in settings_files() {
        let plan =
            check(&format!("{services}{text}")).unwrap_or_else(|said| panic!("{path}:\n{said}"));
        plans.push((path.clone(), plan));
        let lines: Vec<&str> = text.lines().collect();
        let mut above = String::new();
        for (at, line) in lines.iter().enumerate() {
            for variant in variants(line, &above) {
                let mut lines = lines.clone();
                lines[at] = &variant;
                // `matrix` needs a node, and says so.
                let node = "[shops.settings]\nnode_id = \"1234567890\"";
                let whole = format!("{services}{}", lines.join("\n"));
                let with_node = whole.replacen("[shops.settings]", node, 1);
                let Some(plan) = check(&whole).or_else(|_| check(&with_node)).ok() else {
                    continue;
                };
                if accepted.insert((path.clone(), variant.clone())) {
                    plans.push((format!("{path} with {variant}"), plan));
                }
            }
            match line.strip_prefix("# ") {
                Some(words) if !words.contains(" = ") => above = format!("{above} {words}"),
                _ => above.clear(),
            }
        }
    }
    let has = |channel: &str, variant: &str| {
        let path = format!("connectors/{channel}/settings.toml");
        assert!(
            accepted.contains(&(path, variant.to_owned())),
            "{channel}: {variant}: {accepted:#?}"
        );
    };
    for (channel, variant) in [
        ("paipai", "charset = \"gbk\""),
        ("paipai", "format = \"xml\""),
        ("paipai", "arrive_days = 30"),
        ("paipai", "uin = \"855000017\""),
        ("partner", "tolerance_secs = 86400"),
        ("partner", "reads_stock = true"),
        ("shopex", "generation = \"matrix\""),
        ("shopex", "enable = [\"waybills\"]"),
        ("shopex", "hub_path = \"async\""),
        ("shopex", "hub_shipping = \"offline\""),
        ("shopex/ecshop", "certi_id = \"1031110001\""),
        ("taobao", "sign_method = \"md5\""),
        ("taobao", "enable = [\"stream\"]"),
        ("taobao", "purchase_orders = true"),
        ("taobao/fenxiao", "sign_method = \"hmac\""),
    ] {
        has(channel, variant);
    }
    start_all(plans).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_as_its_settings_file_has_it_starts_beside_the_others() {
    let mut setup = services("all-channels").await;
    let mut channels = BTreeSet::new();
    for (_, text) in settings_files() {
        let (_, shop) = text.split_once("[[shops]]\n").unwrap();
        let table: Table = text.parse().unwrap();
        channels.insert(table["shops"][0]["channel"].as_str().unwrap().to_owned());
        setup = setup.shop(shop);
    }
    assert_eq!(channels.len(), connectors::REGISTRY.len(), "{channels:?}");
    start("all channels", check(&setup.config()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_production_example_starts_while_its_services_are_away() {
    let text = copied(&read("config/production.example.toml"));
    let mut table: Table = text.parse().unwrap();
    table["kafka"]["bootstrap"] = Value::from(NOBODY);
    for listener in ["listen", "admin"] {
        table[listener]["address"] = Value::from("127.0.0.1:0");
    }
    let store = table["store"].as_table_mut().unwrap();
    store["secret_url"] = Value::from(format!("dev:redis://{NOBODY}"));
    table["sealing_key"] = Value::from(format!("dev:{}", "00".repeat(32)));
    let plan = check(&toml::to_string(&table).unwrap()).unwrap();
    let started = tokio::time::timeout(SOON, App::start(plan)).await;
    started.expect("nobody waits for Kafka").unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_that_check_accepts_starts() {
    let services = services("numbers").await.partner("s1");
    let defaults: Table = read("config/default.toml").parse().unwrap();
    let mut plans = Vec::new();
    let mut refused = BTreeSet::new();
    for (section, keys) in &defaults {
        for (key, _) in keys.as_table().unwrap().iter().filter(|(_, value)| value.is_integer()) {
            for number in [1, 10_000_000, i64::MAX] {
                let line = format!("{section}.{key} = {number}");
                match check(&services.clone().with(&line).config()) {
                    Ok(plan) => plans.push((line, plan)),
                    Err(said) => {
                        // Whatever is wrong is said of this key, or of the one that it must fit.
                        assert!(
                            said.contains("must ") || said.contains(key.as_str()),
                            "{line}: {said}"
                        );
                        refused.insert(line);
                    }
                }
            }
        }
    }
    assert!(plans.len() > 60, "{}", plans.len());
    assert!(refused.contains(&format!("intake.queue = {}", i64::MAX)), "{refused:#?}");
    start_all(plans).await;
}

#[tokio::test]
async fn what_cannot_start_is_refused_with_its_key_and_no_secret() {
    let no_certificate = std::env::temp_dir().join(unique("no-certificate"));
    std::fs::write(&no_certificate, "not a certificate").unwrap();
    let tls = format!("listen.tls_cert = {no_certificate:?}\nlisten.tls_key = {no_certificate:?}");
    let cases = [
        (
            "kafka.properties.\"no.such.property\" = \"1\"",
            "kafka.properties.\"no.such.property\": ",
        ),
        (
            "kafka.properties.\"socket.timeout.ms\" = \"soon\"",
            "kafka.properties.\"socket.timeout.ms\": ",
        ),
        ("kafka.properties.\"max.in.flight\" = \"6\"", "kafka.properties: "),
        (
            "kafka.secret_properties.\"sasl.pasword\" = \"dev:hunter2\"",
            "kafka.secret_properties.\"sasl.pasword\": ",
        ),
        (
            "kafka.secret_properties.\"security.protocol\" = \"dev:hunter2\"",
            "kafka.secret_properties.\"security.protocol\": ",
        ),
        ("kafka.linger_ms = 1000000", "kafka.linger_ms: "),
        ("kafka.queue_records = 3000000000", "kafka.queue_records: "),
        ("kafka.group = \"\"", "kafka.group: "),
        ("store.secret_url = \"dev:http://hunter2\"", "store.secret_url: "),
        ("store.url = \"redis://host:port\"", "store.url: "),
        (
            "listen.address = \"0.0.0.0:9090\"\nadmin.address = \"127.0.0.1:9090\"",
            "admin.address: ",
        ),
        (&tls, "listen.tls_"),
    ];
    for (text, key) in cases {
        let dev_key = format!("sealing_key = \"dev:{}\"\n", "00".repeat(32));
        let said = check(&format!("{dev_key}{text}")).expect_err(text);
        assert!(said.starts_with("line ") && said.contains(key), "{text}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    std::fs::remove_file(&no_certificate).unwrap();
}
