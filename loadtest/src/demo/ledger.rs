//! Both sides of every account: what the channels made against what is in Kafka, what was commanded against what the
//! channels have.

use super::books::{Books, State};
use super::fleet::{Channel, Fleet};
use channel_gateway::telemetry::metrics::Metrics;
use std::fmt;

/// One line of the ledger.
struct Account {
    channel: &'static str,
    orders: usize,
    refunds: usize,
    in_kafka: usize,
    kept_out: u64,
    twice: usize,
    lost: usize,
    stock: (usize, usize),
    waybills: (usize, usize),
    refused: usize,
}

/// The whole of it.
pub(super) struct Ledger {
    accounts: Vec<Account>,
    refusals: Vec<String>,
    unsettled: usize,
    unknown: usize,
    dead: usize,
}

pub(super) fn of(fleet: &Fleet, books: &Books, metrics: &Metrics) -> Ledger {
    let state = books.state.lock();
    let accounts = fleet
        .channels
        .iter()
        .map(|channel| {
            let mut account = account(channel, &state);
            for origin in ["webhook", "poll"] {
                let labels = [channel.entry.channel, origin];
                account.kept_out += metrics.duplicates.with_label_values(&labels).get();
            }
            account
        })
        .collect();
    let mut refusals: Vec<String> = state.refused.values().cloned().collect();
    refusals.sort_unstable();
    refusals.dedup();
    Ledger {
        accounts,
        refusals,
        unsettled: state.commanded.saturating_sub(state.results.len()),
        unknown: state.unknown,
        dead: state.dead,
    }
}

/// How many things are not yet where they belong.
pub(super) fn open_items(fleet: &Fleet, books: &Books) -> usize {
    let state = books.state.lock();
    let open = |channel| {
        let account = account(channel, &state);
        account.lost
            + account.stock.1.saturating_sub(account.stock.0)
            + account.waybills.1.saturating_sub(account.waybills.0)
    };
    let unsettled = state.commanded.saturating_sub(state.results.len());
    fleet.channels.iter().map(open).sum::<usize>() + unsettled + state.unknown + state.dead
}

fn account(channel: &Channel, state: &State) -> Account {
    let name = channel.entry.channel;
    let mut account = Account {
        channel: name,
        orders: 0,
        refunds: 0,
        in_kafka: 0,
        kept_out: 0,
        twice: state.twice.get(name).copied().unwrap_or(0),
        lost: 0,
        stock: (0, 0),
        waybills: (0, 0),
        refused: 0,
    };
    for shop in &channel.shops {
        let key = |object: &str| (name.to_owned(), shop.shop.to_string(), object.to_owned());
        for (id, modified) in channel.fake.orders(&shop.shop) {
            account.orders += 1;
            let found = state.orders.get(&key(id.as_str())).copied();
            account.in_kafka += usize::from(found.is_some());
            account.lost += usize::from(found.is_none_or(|version| version < modified.unix_ms()));
        }
        for (id, modified) in channel.fake.refunds(&shop.shop) {
            account.refunds += 1;
            let found = state.refunds.get(&key(id.as_str())).copied();
            account.in_kafka += usize::from(found.is_some());
            account.lost += usize::from(found.is_none_or(|version| version < modified.unix_ms()));
        }
        let stock = channel.fake.stock(&shop.shop);
        let ours = |key: &(String, String, String)| key.0 == name && key.1 == shop.shop.as_str();
        for (key, (level, _)) in state.levels.iter().filter(|(key, _)| ours(key)) {
            account.stock.1 += 1;
            account.stock.0 += usize::from(stock.get(&key.2) == Some(level));
        }
        let shipments = channel.fake.shipments(&shop.shop);
        for (key, number) in state.waybills.iter().filter(|(key, _)| ours(key)) {
            if state.refused.contains_key(key) {
                account.refused += 1;
                continue;
            }
            account.waybills.1 += 1;
            let there = shipments.iter().any(|(order, parcels)| {
                order.as_str() == key.2 && parcels.iter().any(|(_, there)| there == number)
            });
            account.waybills.0 += usize::from(there);
        }
    }
    account
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:>7} {:>8} {:>9} {:>20} {:>6} {:>5} {:>12} {:>15} {:>8}",
            "channel",
            "orders",
            "refunds",
            "in Kafka",
            "duplicates kept out",
            "twice",
            "lost",
            "stock equal",
            "waybills equal",
            "refused"
        )?;
        for account in &self.accounts {
            writeln!(
                f,
                "{:<10} {:>7} {:>8} {:>9} {:>20} {:>6} {:>5} {:>12} {:>15} {:>8}",
                account.channel,
                account.orders,
                account.refunds,
                account.in_kafka,
                account.kept_out,
                account.twice,
                account.lost,
                format!("{}/{}", account.stock.0, account.stock.1),
                format!("{}/{}", account.waybills.0, account.waybills.1),
                account.refused
            )?;
        }
        if !self.refusals.is_empty() {
            writeln!(f, "\nwaybills that a channel refused, in its words:")?;
            for words in &self.refusals {
                writeln!(f, "  {words}")?;
            }
        }
        writeln!(
            f,
            "\ncommands without a result {}, with an unknown result {}, dead letters {}",
            self.unsettled, self.unknown, self.dead
        )
    }
}
