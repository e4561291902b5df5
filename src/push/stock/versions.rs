//! Which version of a level is the newest that anybody told: asked of the store before a call and after it.
//!
//! While the store is away levels go on with what this process remembers, and the store hears of them when it is back. A
//! store that lost its memory is told again what lies in the log of commands; until then levels wait.

use super::command::StockCommand;
use super::queue::Level;
use super::rules;
use crate::bus::Past;
use crate::shops::{Shop, Shops};
use crate::store::{Begun, Error, Newer, Version, Versions};
use crate::telemetry::metrics::Metrics;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A store that did not answer is not asked again for so long.
const REST: Duration = Duration::from_secs(1);
/// Levels that the store is to hear of; more are not kept, and it finds them in the log if it ever loses its memory.
const OWED: usize = 100_000;
/// SKUs told in one call while recalling.
const PART: usize = 1_000;

/// By shop, by SKU: version and units.
type Newest = HashMap<String, HashMap<String, (u64, u32)>>;

#[derive(Debug)]
pub(in crate::push) struct Remembered {
    store: Arc<dyn Versions>,
    past: Arc<dyn Past>,
    shops: Arc<Shops>,
    resting_until: Mutex<Option<Instant>>,
    owed: Mutex<Newest>,
    /// Held while the log is read again.
    recalling: tokio::sync::Mutex<()>,
    metrics: Arc<Metrics>,
}

/// The store's name of a shop.
fn name(shop: &Shop) -> String {
    [shop.channel, ":", shop.id.as_str()].concat()
}

fn versions(levels: &[Level]) -> Vec<Version<'_>> {
    levels
        .iter()
        .map(|level| Version {
            sku: &level.told.sku_id,
            version: level.version,
            available: level.told.available,
        })
        .collect()
}

impl Remembered {
    pub(in crate::push) fn new(
        store: Arc<dyn Versions>,
        past: Arc<dyn Past>,
        shops: Arc<Shops>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            past,
            shops,
            resting_until: Mutex::default(),
            owed: Mutex::default(),
            recalling: tokio::sync::Mutex::default(),
            metrics,
        }
    }

    /// Says of each level whether it may be told. None when nobody knows yet, because the log is being read again.
    pub(super) async fn begin(&self, shop: &Shop, levels: &[Level]) -> Option<Vec<Begun>> {
        let go = || levels.iter().map(|_| Begun::Go { is_unsettled: false }).collect();
        if self.is_resting() || !self.pay().await {
            self.owe(shop, levels);
            return Some(go());
        }
        let mut begun = self.store.begin(&name(shop), &versions(levels)).await;
        if matches!(begun, Err(Error::Forgotten)) {
            if !self.recall().await {
                return None;
            }
            begun = self.store.begin(&name(shop), &versions(levels)).await;
        }
        match begun {
            Ok(begun) => Some(begun),
            Err(Error::Forgotten) => None,
            Err(error @ (Error::Late | Error::Away(_))) => {
                self.rest(&error);
                self.owe(shop, levels);
                Some(go())
            }
        }
    }

    /// Says of each level that was told what is newer by now.
    pub(super) async fn finish(&self, shop: &Shop, levels: &[Level]) -> Vec<Option<Newer>> {
        let none = || levels.iter().map(|_| None).collect();
        if levels.is_empty() || self.is_resting() {
            return none();
        }
        match self.store.finish(&name(shop), &versions(levels)).await {
            Ok(newer) => newer,
            // What the next begin finds unfinished is told twice, and that is all.
            Err(error) => {
                self.rest(&error);
                none()
            }
        }
    }

    /// Says of each SKU and version whether somebody began to tell a newer one. While the store is away nobody is known to.
    pub(super) async fn are_old(&self, shop: &Shop, told: &[(&str, u64)]) -> Vec<bool> {
        let none = || vec![false; told.len()];
        if self.is_resting() {
            return none();
        }
        let skus: Vec<&str> = told.iter().map(|(sku, _)| *sku).collect();
        match self.store.newest(&name(shop), &skus).await {
            Ok(newest) => {
                let is_old = |((_, version), newest): (&(&str, u64), Option<Newer>)| {
                    newest.is_some_and(|newest| newest.version > *version)
                };
                let mut are_old: Vec<bool> = told.iter().zip(newest).map(is_old).collect();
                are_old.resize(told.len(), false);
                are_old
            }
            Err(error) => {
                self.rest(&error);
                none()
            }
        }
    }

    fn is_resting(&self) -> bool {
        self.resting_until.lock().is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self, error: &Error) {
        self.metrics.versions_alone.inc();
        if self.resting_until.lock().replace(Instant::now() + REST).is_none() {
            tracing::warn!(%error, "versions of stock levels are remembered by this process alone");
        }
    }

    fn owe(&self, shop: &Shop, levels: &[Level]) {
        let mut owed = self.owed.lock();
        if owed.values().map(HashMap::len).sum::<usize>() >= OWED {
            return;
        }
        let of_shop = owed.entry(name(shop)).or_default();
        for level in levels {
            keep(of_shop, &level.told.sku_id, level.version, level.told.available);
        }
    }

    /// Tells the store what it missed. `false` if it is still away.
    async fn pay(&self) -> bool {
        if self.owed.lock().is_empty() {
            return true;
        }
        let owed = std::mem::take(&mut *self.owed.lock());
        if let Err(error) = self.tell(&owed).await {
            self.rest(&error);
            let mut kept = self.owed.lock();
            for (shop, levels) in owed {
                let of_shop = kept.entry(shop).or_default();
                for (sku, (version, available)) in levels {
                    keep(of_shop, &sku, version, available);
                }
            }
            return false;
        }
        *self.resting_until.lock() = None;
        tracing::info!("the store remembers versions of stock levels again");
        true
    }

    async fn tell(&self, newest: &Newest) -> Result<(), Error> {
        for (shop, levels) in newest {
            let versions: Vec<Version<'_>> = levels
                .iter()
                .map(|(sku, (version, available))| Version {
                    sku,
                    version: *version,
                    available: *available,
                })
                .collect();
            for part in versions.chunks(PART) {
                self.store.recall(shop, part).await?;
            }
        }
        Ok(())
    }

    /// Reads the log of commands from its beginning and tells the store the newest version of each SKU. Whoever comes
    /// while somebody does so finds nothing to do. Returns whether the store knows them now.
    async fn recall(&self) -> bool {
        let Ok(_alone) = self.recalling.try_lock() else { return false };
        tracing::info!("the store knows no versions of stock levels; reading the log of commands");
        let began = Instant::now();
        let (shops, newest) = (Arc::clone(&self.shops), Arc::new(Mutex::new(Newest::new())));
        let into = Arc::clone(&newest);
        let read = self.past.each(Box::new(move |payload| {
            let Ok(command) = StockCommand::read(payload) else { return };
            let Some(shop) = shops.find(&command.channel, &command.shop) else { return };
            let available = rules::apply(&shop.stock_rules, &command.sku_id, command.available);
            let mut newest = into.lock();
            let of_shop = newest.entry(name(shop)).or_default();
            keep(of_shop, &command.sku_id, command.version, available);
        }));
        if let Err(error) = read.await {
            tracing::warn!(%error, "the log of commands cannot be read; stock waits");
            return false;
        }
        let newest = std::mem::take(&mut *newest.lock());
        let told = async {
            self.tell(&newest).await?;
            self.store.recalled().await
        };
        match told.await {
            Ok(()) => {
                let skus: usize = newest.values().map(HashMap::len).sum();
                tracing::info!(skus, took = ?began.elapsed(), "the store knows the versions again");
                true
            }
            Err(error) => {
                self.rest(&error);
                false
            }
        }
    }
}

fn keep(of_shop: &mut HashMap<String, (u64, u32)>, sku: &str, version: u64, available: u32) {
    match of_shop.get_mut(sku) {
        Some(known) if known.0 >= version => {}
        Some(known) => *known = (version, available),
        None => {
            of_shop.insert(sku.to_owned(), (version, available));
        }
    }
}
