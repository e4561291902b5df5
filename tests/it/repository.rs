//! The files of this repository, for the tests that judge them.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text of a file, by its path from the top.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Paths, from the top, of all files under `folder` with this extension, in order.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    assert!(!found.is_empty(), "no *.{extension} under {folder}");
    found.sort();
    found
}

/// Names of the channels: the folders of `connectors/` but for what they share.
pub(crate) fn channels() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("connectors"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !["contract", "testkit"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no channel under connectors/");
    names
}

/// The lines of a Rust file that are product code: without comments and without its test module, each with its number.
pub(crate) fn product_code(text: &str) -> Vec<(usize, &str)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let next = lines.peek().map_or("", |(_, line)| line.trim());
        if line.trim().starts_with("#[cfg(")
            && line.contains("test")
            && next.starts_with("mod tests {")
        {
            break;
        }
        let line = line.split_once(" // ").map_or(line, |(code, _)| code);
        if !line.trim().is_empty() && !line.trim_start().starts_with("//") {
            code.push((at + 1, line));
        }
    }
    code
}

/// Words of a line: runs of letters, digits and underscores.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// Fails with every finding, not with the first.
pub(crate) fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
