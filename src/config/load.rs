//! Text to settings. Goes on after a problem, so that one run shows all of them.

use super::problem::Problem;
use super::{Channel, Config, Shop};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::cell::OnceCell;
use toml::{Table, Value};

/// Every key with its default. Compiled in.
pub const DEFAULT: &str = include_str!("../../config/default.toml");
/// What `--dev` lays over it. Compiled in.
pub const DEV: &str = include_str!("../../config/dev.toml");

/// Problems of one section before the rest of it is left alone: a wrong file should not print a book.
const PROBLEMS: usize = 50;

/// The operator's file, for whoever asks on which line a key is. Parsed anew, and only then: a tree that knows its lines
/// takes more memory than everything else at the start.
#[derive(Debug)]
pub(super) struct Lines(OnceCell<Option<Located>>, String);

#[derive(Debug)]
struct Located {
    document: toml_edit::Document<String>,
    /// Offsets at which lines end.
    ends: Vec<usize>,
}

/// Reads the layers: defaults, `--dev` if asked for, the operator's file if there is one.
pub(super) fn load(dev: bool, file: Option<&str>) -> (Option<Config>, Vec<Problem>, Lines) {
    let mut problems = Vec::new();
    let mut merged = Table::new();
    let layers = [Some(DEFAULT), dev.then_some(DEV)];
    for text in layers.into_iter().flatten() {
        match text.parse::<Table>() {
            Ok(layer) => overlay(&mut merged, layer),
            Err(error) => problems.push(Problem::new("", error.message())),
        }
    }
    let defaults = merged.clone();
    let lines = Lines(OnceCell::new(), file.unwrap_or_default().to_owned());
    if let Some(text) = file {
        match text.parse::<Table>() {
            Ok(layer) => overlay(&mut merged, layer),
            Err(error) => {
                let line = error.span().map(|span| line_of(&line_ends(text), span.start));
                problems.push(Problem { line, ..Problem::new("", error.message()) });
                return (None, problems, lines);
            }
        }
    }
    let config = read(merged, &defaults, &mut problems);
    for problem in &mut problems {
        problem.line = lines.find(&problem.key);
    }
    (config, problems, lines)
}

/// Tables are merged, everything else is replaced.
fn overlay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Shops and channels are read one by one, the rest as a whole, and what is wrong is replaced by its default for the
/// time of reading, so that the next problem shows too.
fn read(mut merged: Table, defaults: &Table, problems: &mut Vec<Problem>) -> Option<Config> {
    let shops = merged.remove("shops");
    let channels = merged.remove("channels");
    let mut config: Config = section("", merged, defaults, problems)?;
    match shops {
        None => {}
        Some(Value::Array(shops)) => {
            for (index, shop) in shops.into_iter().enumerate() {
                let key = format!("shops[{index}]");
                if let Some(shop) = one::<Shop>(&key, shop, problems) {
                    config.shops.push(shop);
                }
            }
        }
        Some(_) => problems.push(Problem::new("shops", "write each shop as [[shops]]")),
    }
    match channels {
        None => {}
        Some(Value::Table(channels)) => {
            for (name, channel) in channels {
                let key = format!("channels.{name}");
                if let Some(channel) = one::<Channel>(&key, channel, problems) {
                    config.channels.insert(name, channel);
                }
            }
        }
        Some(_) => problems.push(Problem::new("channels", "write each channel as [channels.NAME]")),
    }
    Some(config)
}

fn one<T: DeserializeOwned>(key: &str, value: Value, problems: &mut Vec<Problem>) -> Option<T> {
    let Value::Table(table) = value else {
        problems.push(Problem::new(key, "expected a table"));
        return None;
    };
    section(key, table, &Table::new(), problems)
}

fn section<T: DeserializeOwned>(
    prefix: &str,
    mut table: Table,
    defaults: &Table,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    for _ in 0..PROBLEMS {
        let error = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        let path = match (prefix, error.path().to_string().as_str()) {
            (prefix, ".") => prefix.to_owned(),
            ("", path) => path.to_owned(),
            (prefix, path) => format!("{prefix}.{path}"),
        };
        let message = error.inner().message().trim_end().to_owned();
        // A required key that was taken away for being wrong is not missing besides.
        let known = problems.iter().any(|problem| {
            problem.key.strip_prefix(&*path).is_some_and(|rest| {
                rest.len() > 1
                    && message == format!("missing field `{}`", rest.trim_start_matches('.'))
            })
        });
        if !known {
            problems.push(Problem::new(path, message));
        }
        if !reset(&mut table, defaults, &segments) {
            return None;
        }
    }
    None
}

/// Puts the default where the problem is, or takes the key away. `false` if there is nothing to replace.
fn reset(table: &mut Table, defaults: &Table, path: &[Segment]) -> bool {
    let Some((Segment::Map { key }, rest)) = path.split_first() else { return false };
    let default = defaults.get(key);
    if !rest.is_empty()
        && let Some(Value::Table(inner)) = table.get_mut(key)
    {
        let empty = Table::new();
        let defaults = default.and_then(Value::as_table).unwrap_or(&empty);
        return reset(inner, defaults, rest);
    }
    match default {
        Some(default) if table.get(key) != Some(default) => {
            table.insert(key.clone(), default.clone());
            true
        }
        Some(_) | None => table.remove(key).is_some(),
    }
}

impl Lines {
    /// The line of a key, or of the nearest table around it that the file has.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let located = self.0.get_or_init(|| {
            let document = toml_edit::Document::parse(self.1.clone()).ok()?;
            Some(Located { document, ends: line_ends(&self.1) })
        });
        let Located { document, ends } = located.as_ref()?;
        let mut item = document.as_item();
        let mut line = None;
        for part in parts(key) {
            let (name, next) = match part.parse::<usize>() {
                Ok(index) => (None, item.get(index)),
                Err(_) => (item.as_table_like().and_then(|table| table.key(part)), item.get(part)),
            };
            let Some(next) = next else { break };
            let span = name.and_then(toml_edit::Key::span).or_else(|| next.span());
            line = span.map(|span| line_of(ends, span.start)).or(line);
            item = next;
        }
        line
    }
}

/// The parts of `shops[0].limits."a.b"`: a quoted part keeps its dots.
fn parts(key: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for (number, stretch) in key.split('"').enumerate() {
        if number % 2 == 1 {
            parts.push(stretch);
        } else {
            let plain = stretch.split(['.', '[']).map(|part| part.trim_end_matches(']'));
            parts.extend(plain.filter(|part| !part.is_empty()));
        }
    }
    parts
}

fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(offset, _)| offset).collect()
}

fn line_of(ends: &[usize], offset: usize) -> usize {
    ends.partition_point(|end| *end < offset) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_every_key_and_are_right() {
        for dev in [false, true] {
            let (config, problems, _) = load(dev, None);
            assert!(config.is_some() && problems.is_empty(), "{problems:?}");
        }
    }

    #[test]
    fn every_problem_is_reported_with_its_key_and_line() {
        let file = "[listen]\naddres = \"127.0.0.1:1\"\nbody_limit_bytes = -1\n\n[kafka]\nlinger_ms = \"5\"\n\n\
                    [[shops]]\nchannel = \"partner\"\nid = \"one\"\nenable = []\ntoken = \"hunter2\"\n\n\
                    [[shops]]\nchannel = 1\nid = \"two\"\nenable = []\n";
        let (_, problems, _) = load(false, Some(file));
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let has = |start: &str| shown.iter().any(|line| line.starts_with(start));
        assert!(has("line 2: listen.addres: unknown field"), "{shown:#?}");
        assert!(has("line 3: listen.body_limit_bytes: "), "{shown:#?}");
        assert!(has("line 6: kafka.linger_ms: "), "{shown:#?}");
        assert!(has("line 12: shops[0].token: "), "{shown:#?}");
        assert!(has("line 15: shops[1].channel: "), "{shown:#?}");
        assert!(!shown.iter().any(|line| line.contains("hunter2")), "{shown:#?}");
        assert_eq!(problems.len(), 5, "{shown:#?}");
    }

    #[test]
    fn a_file_that_is_not_toml_names_its_line() {
        let (config, problems, _) = load(false, Some("[listen]\naddress =\n"));
        assert!(config.is_none());
        assert_eq!(problems[0].line, Some(2));
    }
}
