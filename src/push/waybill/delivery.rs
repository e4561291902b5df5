//! Takes parcels from a lane, tells the channel, repeats what may be repeated, and reports.

use super::command::WaybillCommand;
use super::lane::Lane;
use crate::push::command::Job;
use crate::push::delivery::{judge, may_repeat, not_enabled};
use crate::push::receipt::{Kind, PushResult, push_id};
use crate::shops::Class;
use connectors::contract::{Capability, ErrorKind};
use std::sync::Arc;

/// Works for a lane as long as it has work.
pub(super) struct Worker(pub(super) Arc<Lane>);

impl Worker {
    pub(super) async fn run(self) {
        // After the stop nothing more is begun; what waits is left in Kafka.
        while !self.0.delivery.shutdown.is_stopped()
            && let Some(job) = self.0.take()
        {
            self.ship(job).await;
        }
    }

    async fn ship(&self, mut job: Job<WaybillCommand>) {
        let Lane { shop, delivery, .. } = &*self.0;
        let waybill = job.command.waybill();
        let outcome = loop {
            let sink = shop.connector.waybills().filter(|_| shop.does(Capability::Waybills));
            let Some(sink) = sink else { break Err(not_enabled("waybills")) };
            job.tries += 1;
            let caller = shop.caller(Class::Waybill);
            let session = caller.session(delivery.parts.clock.now());
            match sink.ship(&session, &waybill).await {
                Err(error) if may_repeat(&error) && job.tries < delivery.tries => {
                    if !delivery.pause(job.tries, &error).await {
                        // Left in Kafka: its offset is not stored.
                        return self.0.done(job.command.order_id.as_str());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    // The last word is the channel's own list of shipments.
                    let known = sink.shipped(&session, &waybill.order_id).await.unwrap_or_default();
                    let there = known.iter().any(|shipped| shipped.number == waybill.number);
                    break if there { Ok(()) } else { Err(error) };
                }
                ended => break ended,
            }
        };
        let at = delivery.parts.clock.now();
        let (outcome, error) = judge(&outcome);
        let result = PushResult {
            push_id: push_id(&job.position),
            kind: Kind::Waybill,
            channel: job.command.channel.clone(),
            shop: job.command.shop.clone(),
            object_id: job.command.order_id.as_str().to_owned(),
            version: None,
            available: None,
            number: Some(job.command.number.clone()),
            outcome,
            error,
            tries: job.tries,
            at,
        };
        delivery.observe(Kind::Waybill, shop, &job);
        delivery.receipts.result(result, job.position).await;
        self.0.done(job.command.order_id.as_str());
    }
}
