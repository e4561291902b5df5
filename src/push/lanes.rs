//! Every shop's lanes: one for waybills, one for stock, so that neither waits behind the other.

use super::counters::Counters;
use super::delivery::Delivery;
use super::{stock, waybill};
use crate::shops::Shops;
use std::collections::HashMap;
use std::sync::Arc;

/// The lanes of one shop.
#[derive(Debug, Clone)]
pub(super) struct ShopLanes {
    pub(super) stock: Arc<stock::Lane>,
    pub(super) waybills: Arc<waybill::Lane>,
}

/// The lanes of all shops. A lane without work costs no task.
#[derive(Debug)]
pub(super) struct Lanes(HashMap<&'static str, HashMap<String, ShopLanes>>);

impl Lanes {
    pub(super) fn new(
        shops: &Shops,
        delivery: &Arc<Delivery>,
        versions: &Arc<stock::Remembered>,
    ) -> Self {
        let mut lanes: HashMap<&'static str, HashMap<String, ShopLanes>> = HashMap::new();
        let mut counters: HashMap<&'static str, Arc<Counters>> = HashMap::new();
        for shop in shops.iter() {
            let of_channel = counters.entry(shop.channel).or_insert_with(|| {
                Arc::new(Counters::of_stock(&delivery.parts.metrics, shop.channel))
            });
            let of_shop = ShopLanes {
                stock: stock::Lane::new(
                    Arc::clone(shop),
                    Arc::clone(delivery),
                    Arc::clone(versions),
                    Arc::clone(of_channel),
                ),
                waybills: waybill::Lane::new(Arc::clone(shop), Arc::clone(delivery)),
            };
            lanes.entry(shop.channel).or_default().insert(shop.id.to_string(), of_shop);
        }
        Self(lanes)
    }

    pub(super) fn find(&self, channel: &str, shop: &str) -> Option<&ShopLanes> {
        self.0.get(channel)?.get(shop)
    }
}
