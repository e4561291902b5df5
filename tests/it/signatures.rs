//! What `verify` says of signatures.

use crate::repository::{files, read, root};
use crate::support::{SECRET, run};
use std::path::PathBuf;
use tokio::process::Command;

/// Runs a line of a document in a shell that finds the binary, at the top of the repository.
async fn shell(line: &str) -> (i32, String, String) {
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_channel-gateway"));
    let path = [folder.parent().unwrap().to_str().unwrap(), "/usr/bin", "/bin"].join(":");
    let done = Command::new("sh")
        .args(["-c", line])
        .env("PATH", path)
        .current_dir(root())
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[tokio::test]
async fn every_example_of_the_help_works() {
    let (_, help, _) = run(&["verify", "--help"], &[]).await;
    let examples: Vec<&str> = help
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("channel-gateway verify ") && line.contains("env:"))
        .collect();
    assert_eq!(examples.len(), 3, "{help}");
    let mut codes = Vec::new();
    for example in examples {
        let (code, said, complaints) = shell(example).await;
        assert!(said.contains("signature  "), "{example}\n{said}{complaints}");
        assert_eq!(code == 0, said.contains("is right"), "{example}\n{said}{complaints}");
        let is_explained = complaints.contains("it is what one gets when blanks in values are");
        assert_eq!(code == 1, is_explained, "{example}\n{said}{complaints}");
        codes.push(code);
    }
    assert_eq!(codes, [0, 1, 0]);
}

const CALL: [&str; 7] = [
    "verify",
    "taobao",
    "--secret",
    "env:S",
    "method=taobao.time.get",
    "sign_method=md5",
    "note=a+b 测",
];

/// Exit code and everything that was said about a call with a signature over `text`.
async fn verify(text: &[u8]) -> (i32, String) {
    let digest = connectors::contract::sign::md5(&[text]);
    let signature = connectors::contract::sign::upper_hex(&digest);
    let args = [&CALL[..], &["--received", &signature]].concat();
    let (code, said, complaints) = run(&args, &[("S", "hunter22")]).await;
    (code, said + &complaints)
}

#[tokio::test]
async fn a_wrong_signature_is_explained_and_the_secret_is_not_shown() {
    let (code, said) =
        verify("hunter22methodtaobao.time.getnotea+b 测sign_methodmd5hunter22".as_bytes()).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("text       <secret>methodtaobao.time.getnotea+b 测sign_methodmd5<secret>")
    );
    assert!(said.contains("digest     MD5 "), "{said}");
    for (text, what) in [
        ("hunter22methodtaobao.time.getnotea b 测sign_methodmd5hunter22", "a + in a value is lost"),
        ("hunter22methodtaobao.time.getnotea+b 测sign_methodmd5", "only in front of the text"),
        ("hunter22methodtaobao.time.getnotea+b 测hunter22", "the method of signing is not signed"),
        ("hunter22methodtaobao.time.getsign_methodmd5notea+b 测hunter22", "not sorted"),
        ("hunter23methodtaobao.time.getnotea+b 测sign_methodmd5hunter23", "none of the "),
    ] {
        let (code, said) = verify(text.as_bytes()).await;
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("the received signature is another") && said.contains(what),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_captured_delivery_is_judged_as_the_gateway_judges_it() {
    let good = read("docs/examples/partner-delivery.http.txt");
    let secret = "whsec_Y2hhbm5lbC1nYXRld2F5LWV4YW1wbGUtc2VjcmV0LTE=";
    let judge = async |text: &str, secret: &str| {
        let path = std::env::temp_dir().join(crate::support::unique("captured"));
        std::fs::write(&path, text).unwrap();
        let args = ["verify", "partner", "--secret", "env:S", "--request", path.to_str().unwrap()];
        let (code, said, complaints) = run(&args, &[("S", secret)]).await;
        std::fs::remove_file(&path).unwrap();
        (code, said + &complaints)
    };
    let (code, said) = judge(&good, secret).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("refuses it now: ") && said.contains("tolerance"), "{said}");
    assert!(said.contains("would have taken it at 2026-11-11 00:00:12"), "{said}");
    let (code, said) = judge(&good, SECRET).await;
    assert!(code == 1 && said.contains("none of the "), "{said}");
    let changed = good.replace("1001\"}}", "10001\"}}");
    let (code, said) = judge(&changed, secret).await;
    assert!(code == 1 && said.contains("where content-length says 96"), "{said}");
    let doubled = good.replacen("webhook-id:", "webhook-id: msg_2KwExample\nwebhook-id:", 1);
    let (code, said) = judge(&doubled, secret).await;
    assert!(code == 1 && said.contains("expected the parameters"), "{said}");
    let (code, said) = judge("hello", secret).await;
    assert!(code == 1 && said.contains("not a request line"), "{said}");
}

#[tokio::test]
async fn what_verify_needs_is_said() {
    let said = async |args: &[&str]| {
        let (code, said, complaints) = run(args, &[("S", "hunter22")]).await;
        assert_ne!(code, 0);
        said + &complaints
    };
    let missing = said(&CALL).await;
    assert!(missing.contains("give --received"), "{missing}");
    for secret in ["hunter22", "dev:hunter22"] {
        let literal = said(&["verify", "taobao", "--secret", secret, "a=1"]).await;
        assert!(literal.contains("--secret is a reference") && !literal.contains("hunter22"));
    }
    let settings = |text| ["verify", "taobao", "--secret", "env:S", "a=1", "--settings", text];
    assert!(said(&settings("{")).await.contains("--settings is not JSON"));
    assert!(said(&settings("{\"x\":1}")).await.contains("not a setting of this channel"));
    let unknown = said(&["verify", "nobody", "--secret", "env:S", "a=1"]).await;
    assert!(unknown.contains("no channel nobody; known: "), "{unknown}");
}

/// Requests as they were recorded from official clients, each with whether its signature is right.
fn recordings() -> Vec<(String, bool)> {
    let files = files("connectors/taobao/fixtures/clients", "txt");
    let texts = files.iter().map(read).collect::<Vec<_>>();
    let blocks = texts.iter().flat_map(|text| text.split("===== request =====\n").skip(1));
    let request = |block: &str| {
        let (request, about) = block.split_once("\n-- merged params").unwrap();
        (request.to_owned(), about.contains("sign ok: True"))
    };
    blocks.map(request).collect()
}

#[tokio::test]
async fn recorded_requests_of_official_clients_verify_as_they_are() {
    let (mut right, mut wrong) = (0, 0);
    for (request, is_right) in recordings() {
        let path = std::env::temp_dir().join(crate::support::unique("recorded"));
        std::fs::write(&path, &request).unwrap();
        let args = ["verify", "taobao", "--secret", "env:S", "--request", path.to_str().unwrap()];
        let (code, said, complaints) = run(&args, &[("S", "helloworldsecret")]).await;
        let (another, _, reason) = run(&args, &[("S", "another secret")]).await;
        std::fs::remove_file(&path).unwrap();
        assert_eq!(code == 0, is_right, "{request}\n{said}{complaints}");
        assert_eq!(another, 1);
        if is_right {
            assert!(reason.contains("none of the "), "{reason}");
            right += 1;
        } else {
            assert!(complaints.contains("nothing to compare with"), "{complaints}");
            wrong += 1;
        }
    }
    assert!(right > 20 && wrong == 1, "{right} {wrong}");
}

#[tokio::test]
async fn a_captured_call_of_a_warehouse_is_judged_with_its_signed_headers() {
    let good = read("docs/examples/warehouse-call.http.txt");
    let judge = async |text: &str| {
        let path = std::env::temp_dir().join(crate::support::unique("warehouse"));
        std::fs::write(&path, text).unwrap();
        let args = ["verify", "taobao", "--secret", "env:S", "--request", path.to_str().unwrap()];
        let (code, said, complaints) = run(&args, &[("S", "helloworldsecret")]).await;
        std::fs::remove_file(&path).unwrap();
        (code, said + &complaints)
    };
    let (code, said) = judge(&good).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("would have taken it at 2026-11-01 12:00:03"), "{said}");
    let renamed = good.replace("method=stockchange", "method=taobao.qimen.stockchange");
    let (code, said) = judge(&renamed).await;
    assert!(code == 1 && said.contains("without `taobao.qimen.` before it"), "{said}");
    let listed = good.replace("Host:", "top-sign-list: x-caller\nx-caller: 1\nHost:");
    let (code, said) = judge(&listed).await;
    assert!(code == 1 && said.contains("x-caller"), "{said}");
}
