//! The rules of `deny.toml`, kept without a network: licences, sources, floors, second versions, no wildcards.

use crate::repository::{assert_none, read, root};
use semver::{Version, VersionReq};
use std::collections::BTreeMap;
use std::process::Command;
use toml::{Table, Value};

/// One line of `bans.deny` or `bans.skip`: `name:requirement`.
struct Line {
    name: String,
    versions: VersionReq,
}

fn rules() -> Table {
    read("deny.toml").parse().unwrap()
}

fn lines(list: &str) -> Vec<Line> {
    let rules = rules();
    let lines = rules["bans"][list].as_array().unwrap().iter().map(|line| {
        assert!(
            line["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
            "{line} has no reason"
        );
        let (name, versions) = line["crate"].as_str().unwrap().split_once(':').unwrap();
        Line { name: name.to_owned(), versions: versions.parse().unwrap() }
    });
    lines.collect()
}

/// Name, version and source of everything in `Cargo.lock`.
fn locked() -> Vec<(String, Version, Option<String>)> {
    let lock: Table = read("Cargo.lock").parse().unwrap();
    let text =
        |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let packages = lock["package"].as_array().unwrap().iter().map(|package| {
        let version = text(package, "version").unwrap().parse().unwrap();
        (text(package, "name").unwrap(), version, text(package, "source"))
    });
    packages.collect()
}

#[test]
fn licences_are_on_the_list() {
    let rules = rules();
    let allowed: Vec<&str> =
        rules["licenses"]["allow"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let packages = metadata();
    assert!(packages.len() > 50, "cargo metadata shows {} packages", packages.len());
    let mut findings = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence, &allowed) {
            findings.push(format!("{} {}: {licence:?}", package["name"], package["version"]));
        }
    }
    assert_none("licences that deny.toml does not allow", &findings);
}

/// What is built on this machine: these packages are here already, so that nothing needs to be fetched.
fn metadata() -> Vec<serde_json::Value> {
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let text = cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--filter-platform",
        host,
    ]);
    let mut metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
    let serde_json::Value::Array(packages) = metadata["packages"].take() else {
        panic!("no packages")
    };
    packages
}

/// What Cargo says.
fn cargo(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(done.stdout).unwrap()
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write `OR`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    !words.is_empty() && any_of(&mut words.as_slice(), allowed)
}

fn any_of(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = all_of(words, allowed);
    while let Some(rest) = words.strip_prefix(&["OR"]) {
        *words = rest;
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = one(words, allowed);
    while let Some(rest) = words.strip_prefix(&["AND"]) {
        *words = rest;
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut &[&str], allowed: &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else { return false };
    *words = rest;
    if *first == "(" {
        let met = any_of(words, allowed);
        *words = words.strip_prefix(&[")"]).expect("a closing parenthesis");
        return met;
    }
    // An exception is part of a licence's name: it would be allowed by both together.
    if let [with @ "WITH", exception, rest @ ..] = *words {
        *words = rest;
        return allowed.contains(&format!("{first} {with} {exception}").as_str());
    }
    allowed.contains(first)
}

#[test]
fn everything_comes_from_one_registry() {
    let sources: Vec<String> = locked().into_iter().filter_map(|(_, _, source)| source).collect();
    let first = sources.first().unwrap();
    assert!(first.starts_with("registry+"), "{first}");
    let others: Vec<String> = sources.iter().filter(|source| *source != first).cloned().collect();
    assert_none("sources beside the registry", &others);
}

#[test]
fn known_defects_are_kept_out() {
    let mut findings = Vec::new();
    let refused = lines("deny");
    for (name, version, _) in locked() {
        if refused.iter().any(|line| line.name == name && line.versions.matches(&version)) {
            findings.push(format!("{name} {version}"));
        }
    }
    assert!(!refused.is_empty());
    assert_none("versions that deny.toml refuses", &findings);
}

#[test]
fn second_versions_are_written_down() {
    let mut versions = BTreeMap::<String, Vec<Version>>::new();
    // The tree and not the lock, which also holds what no feature asks for.
    let tree = cargo(&["tree", "--workspace", "--locked", "--offline", "--prefix=none"]);
    for (name, version) in tree.lines().filter_map(|line| line.split_once(" v")) {
        let version = version.split(' ').next().unwrap().parse().unwrap();
        let known = versions.entry(name.to_owned()).or_default();
        if !known.contains(&version) {
            known.push(version);
        }
    }
    assert!(versions.len() > 50, "cargo tree shows {} packages", versions.len());
    let skipped = lines("skip");
    let mut findings = Vec::new();
    for (name, versions) in &versions {
        let is_skipped = |version: &&Version| {
            skipped.iter().any(|line| line.name == *name && line.versions.matches(version))
        };
        let left: Vec<String> = versions
            .iter()
            .filter(|version| !is_skipped(version))
            .map(Version::to_string)
            .collect();
        if left.len() > 1 {
            findings.push(format!("{name} comes as {}", left.join(" and ")));
        }
    }
    for line in &skipped {
        let here = versions.get(&line.name).map_or(&[][..], Vec::as_slice);
        if here.len() < 2 || !here.iter().any(|version| line.versions.matches(version)) {
            findings.push(format!("{}:{} in bans.skip is not needed", line.name, line.versions));
        }
    }
    assert_none("second versions", &findings);
}

#[test]
fn no_version_is_a_wildcard() {
    let mut findings = Vec::new();
    for manifest in ["Cargo.toml", "connectors/Cargo.toml", "loadtest/Cargo.toml"] {
        let manifest_text: Table = read(manifest).parse().unwrap();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest_text.get(kind).and_then(Value::as_table) else {
                continue;
            };
            for (name, dependency) in dependencies {
                let version = dependency.as_str().or_else(|| dependency.get("version")?.as_str());
                let is_path = dependency.get("path").is_some();
                if version.map_or(!is_path, |version| version.contains('*')) {
                    findings.push(format!("{manifest}: {name}"));
                }
            }
        }
    }
    assert_none("dependencies without a version", &findings);
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let allowed = ["MIT", "ISC"];
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("MIT OR GPL-3.0 AND X", true),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT WITH Strange-exception", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), met, "{expression}");
    }
}
