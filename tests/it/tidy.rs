//! The rules of the house that no compiler keeps: who may use whom, how long a file is, what a connector consists of.

use crate::repository::{assert_none, channels, files, product_code, read, root, words};
use std::path::Path;
use toml::{Table, Value};

/// What every room may use: plain values and plumbing, which use nothing above themselves.
const PLUMBING: &[&str] = &["clock", "config", "seal", "shutdown", "telemetry"];

/// Who may use whom, besides [`PLUMBING`]. The longest path that fits a file counts.
const ARROWS: &[(&str, &[&str])] = &[
    // Takes in. What is behind the intake is not its business …
    ("src/ingress", &["intake", "shops"]),
    // … but `/readyz` asks both whether they are there.
    ("src/ingress/admin.rs", &["bus", "store"]),
    ("src/stream", &["egress", "intake", "shops"]),
    ("src/poll", &["intake", "shops", "store"]),
    ("src/intake", &["bus", "holds", "shops", "store"]),
    ("src/holds", &["store"]),
    ("src/push", &["bus", "holds", "shops", "store"]),
    // What is read back is something a channel said, and there is one road for that.
    ("src/push/stock/drift", &["bus", "holds", "intake", "shops", "store"]),
    ("src/push/mod.rs", &["bus", "holds", "intake", "shops", "store"]),
    ("src/egress", &["store", "shops"]),
    ("src/bus", &[]),
    ("src/store", &[]),
    ("src/shops.rs", &[]),
    ("src/schema", &["intake", "push"]),
    ("src/simulate", &["ingress"]),
    ("src/courier.rs", &[]),
    ("src/output.rs", &[]),
    ("src/judge.rs", &["bus", "ingress", "store"]),
    ("src/cli", &["app", "bus", "courier", "judge", "output", "schema", "simulate"]),
    (
        "src/app.rs",
        &[
            "bus", "egress", "holds", "ingress", "intake", "poll", "push", "shops", "store",
            "stream",
        ],
    ),
    (
        "src/app",
        &[
            "bus", "egress", "holds", "ingress", "intake", "poll", "push", "shops", "store",
            "stream",
        ],
    ),
    ("src/lib.rs", &[]),
    ("src/main.rs", &[]),
];

/// What plumbing itself may use.
const PLUMBING_ARROWS: &[(&str, &[&str])] = &[
    ("src/clock.rs", &[]),
    ("src/config", &[]),
    ("src/seal.rs", &[]),
    ("src/shutdown.rs", &[]),
    ("src/telemetry", &["config"]),
];

/// Crates that one room keeps from all others.
const KEPT: &[(&str, &[&str])] = &[
    // The composition names the error of a client that cannot be made.
    ("rdkafka", &["src/bus", "src/app.rs"]),
    ("redis", &["src/store"]),
    ("governor", &["src/egress"]),
    ("hyper", &["src/ingress", "src/egress", "src/simulate"]),
    ("hyper_util", &["src/ingress", "src/egress", "src/simulate", "src/courier.rs"]),
    ("rustls", &["src/ingress", "src/egress"]),
    ("tokio_tungstenite", &["src/egress"]),
];

#[test]
fn rooms_use_only_what_their_verb_needs() {
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        let Some((row, allowed, plumbing)) = arrows_of(&path) else {
            findings.push(format!("{path}: has no row in ARROWS"));
            continue;
        };
        let own = row.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        for (line, target) in crate_paths(&product_code(&text)) {
            let fits = target == own || allowed.contains(&target) || plumbing.contains(&target);
            if !fits {
                findings.push(format!("{path}:{line}: {row} must not use {target}"));
            }
        }
    }
    assert_none("arrows between rooms", &findings);
}

#[test]
fn a_protocol_stays_in_its_room() {
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        for (line, code) in product_code(&text) {
            for (name, rooms) in KEPT {
                let at_home = rooms.iter().any(|room| Path::new(&path).starts_with(room));
                if !at_home && names_crate(code, name) {
                    findings.push(format!("{path}:{line}: {name} belongs to {}", rooms.join(", ")));
                }
            }
        }
    }
    assert_none("crates that a room keeps", &findings);
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let mut findings = Vec::new();
    for (path, text) in everything() {
        let lines = text.lines().count();
        if lines > 500 {
            findings.push(format!("{path}: {lines} lines"));
        }
    }
    assert_none("files longer than 500 lines", &findings);
}

#[test]
fn every_connector_is_complete() {
    let mut findings = Vec::new();
    for channel in channels() {
        let folder = format!("connectors/{channel}");
        let has = |file: &str| root().join(&folder).join(file).exists();
        for file in ["mod.rs", "wire.rs", "fake.rs", "tests.rs", "README.md", "settings.toml"] {
            if !has(file) && !has(file.trim_end_matches(".rs")) {
                findings.push(format!("{folder} has no {file}"));
            }
        }
        if !root()
            .join(&folder)
            .join("fixtures")
            .read_dir()
            .is_ok_and(|mut files| files.next().is_some())
        {
            findings.push(format!("{folder} has no fixtures/"));
        }
        let excused =
            has("README.md") && read(format!("{folder}/README.md")).contains("`normalize.rs`");
        if !has("normalize.rs") && !has("normalize") && !excused {
            findings
                .push(format!("{folder} has no normalize.rs and its README.md does not say why"));
        }
    }
    assert_none("connectors with parts missing", &findings);
}

#[test]
fn connectors_do_no_io_and_know_one_channel() {
    const OUTSIDE: &[&str] = &[
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "tokio::",
        "hyper::",
        "Instant",
        "SystemTime",
        "SystemClock",
        "Timestamp::now",
        "Zoned::now",
    ];
    let channels = channels();
    let mut findings = Vec::new();
    for channel in &channels {
        for (path, text) in sources(&format!("connectors/{channel}")) {
            for (line, code) in product_code(&text) {
                for outside in OUTSIDE.iter().filter(|outside| code.contains(**outside)) {
                    findings.push(format!("{path}:{line}: {outside}"));
                }
                for other in channels.iter().filter(|other| *other != channel) {
                    if code.contains(&format!("crate::{other}"))
                        || code.contains(&format!("super::{other}"))
                    {
                        findings.push(format!("{path}:{line}: uses the channel {other}"));
                    }
                }
            }
        }
    }
    assert_none("connectors that reach outside", &findings);
}

#[test]
fn the_gateway_names_no_channel() {
    let channels = channels();
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        for (line, code) in product_code(&text) {
            let code = code.to_lowercase();
            for word in words(&code).filter(|word| channels.iter().any(|channel| channel == word)) {
                findings.push(format!("{path}:{line}: {word}"));
            }
        }
    }
    assert_none("channels named outside connectors/", &findings);
}

#[test]
fn every_setting_says_what_it_is() {
    let text = read("config/default.toml");
    let mut findings = Vec::new();
    let mut above = "";
    for (at, line) in text.lines().enumerate() {
        let is_key = !line.starts_with(['#', '[', ' ']) && line.contains('=');
        // A key that is itself commented out says nothing about the next.
        let is_said = above.strip_prefix("# ").is_some_and(|said| {
            words(said).next().is_some_and(|word| !said.starts_with(&format!("{word} = ")))
        });
        if is_key && !is_said {
            findings.push(format!("config/default.toml:{}: {line}", at + 1));
        }
        above = line;
    }
    assert!(text.parse::<Table>().unwrap().len() > 5, "config/default.toml is nearly empty");
    assert_none("settings without a comment above", &findings);
}

#[test]
fn every_topic_is_documented() {
    let settings: Table = read("config/default.toml").parse().unwrap();
    let topics = settings["kafka"]["topics"].as_table().unwrap();
    let document = read("docs/events.md");
    let missing: Vec<String> = topics
        .values()
        .filter_map(Value::as_str)
        .filter(|topic| !document.contains(&format!("`{topic}`")))
        .map(str::to_owned)
        .collect();
    assert!(!topics.is_empty());
    assert_none("topics that docs/events.md does not describe", &missing);
}

#[test]
fn no_test_is_ignored() {
    // Written in two parts, or this file would find itself.
    let marks = [concat!("#[", "ignore"), concat!("```", "ignore"), concat!("#![", "ignore")];
    let mut findings = Vec::new();
    for (path, text) in everything() {
        for (at, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                findings.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert_none("tests that are ignored", &findings);
}

/// Rust files of a folder but for test files, with their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let is_test = |path: &Path| {
        let stem = path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let is_folder_of_tests = |part: std::path::Component<'_>| {
            part.as_os_str()
                .to_str()
                .is_some_and(|name| name == "tests" || name.ends_with("_tests"))
        };
        stem == "tests"
            || stem.starts_with("tests_")
            || stem.ends_with("_tests")
            || path.components().any(is_folder_of_tests)
    };
    files(folder, "rs")
        .into_iter()
        .filter(|path| !is_test(path))
        .map(|path| (path.display().to_string(), read(&path)))
        .collect()
}

/// All Rust files, tests too.
fn everything() -> Vec<(String, String)> {
    let folders = ["src", "connectors", "loadtest", "tests"];
    let paths = folders.iter().flat_map(|folder| files(folder, "rs"));
    paths.map(|path| (path.display().to_string(), read(&path))).collect()
}

/// The row of a file: its path, what it may use, and the plumbing it may use.
fn arrows_of(
    path: &str,
) -> Option<(&'static str, &'static [&'static str], &'static [&'static str])> {
    let fits = |row: &&(&'static str, &'static [&'static str])| Path::new(path).starts_with(row.0);
    if let Some(&(row, plumbing)) = PLUMBING_ARROWS.iter().find(fits) {
        return Some((row, &[], plumbing));
    }
    let longest = ARROWS.iter().filter(fits).max_by_key(|row| row.0.len());
    longest.map(|&(row, allowed)| (row, allowed, PLUMBING))
}

/// What follows `crate::` in code: one room, or the rooms in braces.
fn crate_paths<'a>(code: &[(usize, &'a str)]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for &(line, code) in code {
        for (before, after) in mentions(code, "crate::") {
            if before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
                continue;
            }
            let Some(list) = after.strip_prefix('{') else {
                found.extend(words(after).next().map(|room| (line, room)));
                continue;
            };
            // One level is enough: rustfmt breaks longer lists over lines, and those are refused as rooms without a name.
            let list = list.split_once('}').map_or("{", |(list, _)| list);
            found.extend(list.split(',').map(|item| (line, words(item).next().unwrap_or("{"))));
        }
    }
    found
}

/// Whether a line names a crate: `name::` not preceded by another path.
fn names_crate(code: &str, name: &str) -> bool {
    mentions(code, &format!("{name}::")).iter().any(|(before, _)| {
        !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':')
    })
}

/// What stands before and after each mention of a mark.
fn mentions<'a>(code: &'a str, mark: &str) -> Vec<(&'a str, &'a str)> {
    let places = code.match_indices(mark).map(|(at, _)| code.split_at(at));
    places.map(|(before, rest)| (before, rest.strip_prefix(mark).unwrap_or_default())).collect()
}

#[test]
fn the_readers_of_this_file_see_what_they_look_for() {
    let code = "use crate::bus::Record;\n// use crate::store::Kv;\nuse crate::{poll, push::Lane};\n\
                #[cfg(test)]\nmod tests {\nuse crate::store::Kv;\n}\n";
    assert_eq!(crate_paths(&product_code(code)), [(1, "bus"), (3, "poll"), (3, "push")]);
    assert!(names_crate("use redis::Client;", "redis"));
    assert!(
        !names_crate("use self::redis::Client;", "redis") && !names_crate("my_redis::x", "redis")
    );
    assert_eq!(arrows_of("src/ingress/admin.rs").unwrap().1, ["bus", "store"]);
    assert_eq!(arrows_of("src/unknown.rs"), None);
}
