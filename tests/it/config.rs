//! What the command line says about configs, signatures and schemas.

use crate::support::{SECRET, run};
use std::path::PathBuf;

fn file(text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("{}.toml", crate::support::unique("config")));
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs `check` over a config; its exit code and what it complains about.
async fn check(text: &str, env: &[(&str, &str)]) -> (i32, String) {
    let path = file(text);
    let (code, out, complaints) = run(&["check", "--config", path.to_str().unwrap()], env).await;
    std::fs::remove_file(&path).unwrap();
    (code, complaints.replace(path.to_str().unwrap(), "FILE") + &out)
}

const KEY: (&str, &str) =
    ("KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

#[tokio::test]
async fn a_good_config_is_summed_up_shop_by_shop() {
    let text = "sealing_key = \"env:KEY\"\n[[shops]]\nchannel = \"partner\"\nid = \"one\"\nenable = [\"webhooks\", \"stock\"]\n\
        base_url = \"https://partner.example/hooks\"\napp_secret = \"env:SECRET\"\nwebhook_secrets = [\"env:SECRET\"]\n";
    let (code, said) = check(text, &[KEY, ("SECRET", SECRET)]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("partner/one: webhooks, stock"), "{said}");
    assert!(said.contains("ok, shops: 1"), "{said}");
}

#[tokio::test]
async fn every_problem_is_printed_with_its_key_and_line() {
    let text = "\
[listen]
tls_cert = \"/no/such/certificate\"
drain_timeout_ms = 60000
[kafka.properties]
\"sasl.password\" = \"hunter2\"
[store]
url = \"redis://user:hunter2@redis:6379\"
[intake]
lease_ms = 1000
[egress]
allow_networks = [\"everywhere\"]
[telemetry]
log = \"=\"
[channels.nobody]
base_url = \"https://nobody.example\"
[[shops]]
channel = \"partner\"
id = \"one\"
enable = [\"webhooks\", \"orders\", \"stock\"]
base_url = \"http://partner.example\"
[[shops]]
channel = \"partner\"
id = \"one\"
enable = [\"webhooks\"]
webhook_secrets = [\"dev:hunter2\", \"env:NO_SUCH_SECRET\"]
[[shops]]
channel = \"nobody\"
id = \"two\"
enable = []
[[shops]]
channel = \"partner\"
id = \"a:b\"
enable = []
[[shops]]
channel = \"partner\"
id = \"three\"
enable = []
settings = { no_such_setting = 1 }
limits.\"no.such\" = { per_second = 1, burst = 1 }
";
    let (code, said) = check(text, &[]).await;
    assert_eq!(code, 1, "{said}");
    for expected in [
        "FILE: sealing_key: needed",
        "FILE: line 1: listen.tls_key: TLS needs the key",
        "FILE: line 3: listen.drain_timeout_ms: must be at most",
        "FILE: line 5: kafka.properties.\"sasl.password\": this is a secret",
        "FILE: line 7: store.url: a URL with a password is a secret",
        "FILE: line 9: intake.lease_ms: must be more than intake.deadline_ms",
        "FILE: line 11: egress.allow_networks[0]: expected a network",
        "FILE: line 13: telemetry.log: not a filter",
        "FILE: line 14: channels.nobody: no such channel here; known: ",
        "FILE: line 19: shops[0].enable[1]: the partner connector offers: webhooks, stock, waybills",
        "FILE: line 20: shops[0].base_url: http:// shows tokens",
        "FILE: line 16: shops[0].webhook_secrets: webhooks need a secret",
        "FILE: line 16: shops[0].app_secret: needed",
        "FILE: line 23: shops[1].id: this shop is there already",
        "FILE: line 25: shops[1].webhook_secrets[0]: expected `env:NAME` or `file:PATH`",
        "FILE: line 25: shops[1].webhook_secrets[1]: the environment has no variable NO_SUCH_SECRET",
        "FILE: line 27: shops[2].channel: no such channel here",
        "FILE: line 32: shops[3].id: 1 to 128 visible ASCII",
        "FILE: line 38: shops[4].settings",
        "FILE: line 39: shops[4].limits.\"no.such\": no such API of this channel; limited are: ",
        " problems",
    ] {
        assert!(said.contains(expected), "missing: {expected}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_shop_that_asks_for_what_its_connector_lacks_does_not_start() {
    let path = file("[[shops]]\nchannel = \"partner\"\nid = \"one\"\nenable = [\"refunds\"]\n");
    let (code, _, complaints) =
        run(&["run", "--dev", "--config", path.to_str().unwrap()], &[]).await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code, 1);
    assert!(
        complaints.contains("shops[0].enable[0]: the partner connector offers"),
        "{complaints}"
    );
}

#[tokio::test]
async fn a_signature_is_shown_step_by_step_and_compared() {
    let body = file("{\"a\":1}");
    let base =
        ["sign", "partner", "--secret", "env:S", "id=msg_1", "timestamp=1700000000", "--body"];
    let args = [&base[..], &[body.to_str().unwrap()]].concat();
    let (code, said, complaints) = run(&args, &[("S", SECRET)]).await;
    assert_eq!(code, 0, "{complaints}");
    assert!(said.contains("text       msg_1.1700000000.{\"a\":1}"), "{said}");
    let signature = said.lines().find_map(|line| line.strip_prefix("signature  ")).unwrap();
    let right = [&args[..], &["--expect", signature]].concat();
    assert_eq!(run(&right, &[("S", SECRET)]).await.0, 0);
    let wrong = [&args[..], &["--expect", "v1,AAAA"]].concat();
    let (code, _, complaints) = run(&wrong, &[("S", SECRET)]).await;
    assert_eq!(code, 1);
    assert!(complaints.contains("the received signature is another"), "{complaints}");
    assert!(!said.contains(SECRET) && !complaints.contains(SECRET));
    std::fs::remove_file(&body).unwrap();
}

#[tokio::test]
async fn help_teaches() {
    let (code, said, _) = run(&["--help"], &[]).await;
    assert_eq!(code, 0);
    for word in
        ["run --dev", "check --config", "sign", "verify", "schema", "simulate", "unseal", "partner"]
    {
        assert!(said.contains(word), "{word}\n{said}");
    }
}

#[tokio::test]
async fn the_production_example_passes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/production.example.toml");
    let names = [
        "GATEWAY_ADMIN_TOKEN",
        "KAFKA_PASSWORD",
        "TAOBAO_APP_SECRET",
        "TAOBAO_EXAMPLE_TOKEN",
        "TAOBAO_EXAMPLE_REFRESH_TOKEN",
        "PARTNER_ACME_SECRET",
        "PARTNER_ACME_OLD_SECRET",
    ];
    let mut env = vec![("GATEWAY_SEALING_KEY", KEY.1), ("GATEWAY_REDIS_URL", "redis://r:6379")];
    env.extend(names.iter().map(|name| (*name, SECRET)));
    let (code, said, complaints) = run(&["check", "--config", path], &env).await;
    assert_eq!(code, 0, "{said}{complaints}");
}

#[tokio::test]
async fn what_would_undo_the_promises_is_refused() {
    let text = "sealing_key = \"env:KEY\"\n[listen]\nbody_limit_bytes = 8388608\n[kafka.properties]\n\"acks\" = \"0\"\n\
        \"enable.idempotence\" = \"false\"\n\"security.protocol\" = \"SASL_SSL\"\n[store]\nurl = \"rediss://redis:6379\"\n\
        [egress]\nevening_reserve_percent = 91\n";
    let (code, said) = check(text, &[KEY]).await;
    assert_eq!(code, 1, "{said}");
    for expected in [
        "line 3: listen.body_limit_bytes: must be at most",
        "line 5: kafka.properties.\"acks\": the gateway sets this itself",
        "line 6: kafka.properties.\"enable.idempotence\": the gateway sets this itself",
        "line 9: store.url: this build has no TLS to Redis",
        "line 11: egress.evening_reserve_percent: must be at most 90",
    ] {
        assert!(said.contains(expected), "missing: {expected}\n{said}");
    }
}

#[tokio::test]
async fn a_stream_needs_an_address_and_somebody_who_fetches_what_it_loses() {
    let shop = |enable: &str, more: &str| {
        format!(
            "sealing_key = \"env:KEY\"\n[[shops]]\nchannel = \"taobao\"\nid = \"1\"\nenable = [{enable}]\n\
             base_url = \"https://gw.api.taobao.com/router/rest\"\napp_key = \"1\"\n\
             app_secret = \"env:SECRET\"\ntoken = \"env:SECRET\"\n{more}\n"
        )
    };
    let env = [KEY, ("SECRET", SECRET)];
    let (code, said) = check(&shop("\"stream\", \"orders\"", ""), &env).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("shops[0].stream_url"), "{said}");
    for wrong in ["https://mc.api.taobao.com/", "mc.api.taobao.com"] {
        let text = shop("\"stream\", \"orders\"", &format!("stream_url = \"{wrong}\""));
        let (code, said) = check(&text, &env).await;
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("expected wss://HOST/PATH"), "{said}");
    }
    let plain = "stream_url = \"ws://mc.api.taobao.com/\"";
    let (code, said) = check(&shop("\"stream\"", plain), &env).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("warning") && said.contains("`stream` without `orders`"), "{said}");
    assert!(said.contains("shops[0].stream_url") && said.contains("ws:// shows"), "{said}");
    let secure = "stream_url = \"wss://mc.api.taobao.com/\"";
    let (code, said) = check(&shop("\"stream\", \"orders\"", secure), &env).await;
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("warning"), "{said}");
}
