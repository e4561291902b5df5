//! What the platform tells its message stream, and the stream's side of the fake.

use super::trades::{BUYER_NICK, yuan};
use super::{State, Top, tmc};
use crate::contract::Frame;
use crate::contract::model::{ShopId, Timestamp};
use crate::testkit::{Due, FakeStream};
use serde_json::json;

impl Top {
    /// Publishes a message about a trade.
    pub(super) fn tell(&self, shop: &ShopId, tid: u64, topic: &'static str, now: Timestamp) {
        self.state.lock().tell(shop, tid, topic, now);
    }

    /// Publishes a message about a refund.
    pub(super) fn tell_refund(&self, shop: &ShopId, id: u64, now: Timestamp) {
        let mut state = self.state.lock();
        let State { shops, tmc, .. } = &mut *state;
        let Some(known) = shops.iter().find(|known| known.id == *shop) else { return };
        let Some(refund) = known.refunds.get(&id) else { return };
        let topic = match refund.status {
            "WAIT_SELLER_AGREE" => "taobao_refund_RefundCreated",
            _ => "taobao_refund_RefundSellerAgreeAgreement",
        };
        let content = json!({
            "buyer_nick": BUYER_NICK, "tid": refund.tid, "oid": refund.tid, "refund_id": id,
            "bill_type": "refund_bill", "refund_phase": "onsale",
            "modified": super::trades::china(refund.modified),
        });
        tmc.publish(shop, &known.nick, topic, content, now);
    }
}

impl State {
    /// Publishes a message about a trade.
    pub(super) fn tell(&mut self, shop: &ShopId, tid: u64, topic: &'static str, now: Timestamp) {
        let Some(known) = self.shops.iter().find(|known| known.id == *shop) else { return };
        let Some(trade) = known.trades.get(&tid) else { return };
        let payment = trade.lines.iter().map(|line| line.total() - line.mjz).sum::<i64>();
        let content = json!({
            "buyer_nick": BUYER_NICK, "payment": yuan(payment + trade.post_fee),
            "status": trade.status, "tid": tid, "oid": tid, "type": trade.kind,
        });
        self.tmc.publish(shop, &known.nick, topic, content, now);
    }
}

impl FakeStream for Top {
    fn path(&self) -> &'static str {
        tmc::PATH
    }

    fn answers_pings(&self) -> bool {
        false
    }

    fn opened(&self) -> u64 {
        self.state.lock().tmc.open()
    }

    fn received(&self, connection: u64, frame: &Frame, now: Timestamp) {
        self.state.lock().tmc.received(connection, frame, now);
    }

    fn due(&self, connection: u64, now: Timestamp) -> Due {
        self.state.lock().tmc.due(connection, now)
    }

    fn closed(&self, connection: u64) {
        self.state.lock().tmc.closed(connection);
    }

    fn cut(&self) {
        self.state.lock().tmc.cut();
    }

    fn sent(&self) -> u64 {
        self.state.lock().tmc.sent
    }

    fn confirmed(&self) -> u64 {
        self.state.lock().tmc.confirmed
    }

    fn failed(&self) -> u64 {
        self.state.lock().tmc.failed
    }

    fn unconfirmed(&self) -> usize {
        self.state.lock().tmc.unconfirmed()
    }
}
