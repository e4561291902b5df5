//! Takes levels from a lane, calls the channel, repeats what may be repeated, and reports.

use super::command::StockCommand;
use super::lane::Lane;
use crate::push::command::Job;
use crate::push::delivery::{judge, may_repeat, not_enabled};
use crate::push::receipt::{Kind, Outcome, PushResult, Reason, push_id};
use crate::shops::Class;
use connectors::contract::model::{StockLevel, Timestamp};
use connectors::contract::{Capability, Error, ErrorKind, Result};
use std::sync::Arc;

/// Works for a lane as long as it has work.
pub(super) struct Worker(pub(super) Arc<Lane>);

impl Worker {
    pub(super) async fn run(self) {
        // After the stop nothing more is begun; what waits is left in Kafka.
        while !self.0.delivery.shutdown.is_stopped()
            && let Some(jobs) = self.0.take()
        {
            self.set(jobs).await;
        }
    }

    async fn set(&self, mut jobs: Vec<Job<StockCommand>>) {
        let delivery = &self.0.delivery;
        loop {
            for job in &mut jobs {
                job.tries += 1;
            }
            let outcomes = self.call(&jobs).await;
            let mut again: Vec<Job<StockCommand>> = Vec::new();
            let mut last = None;
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                match outcome {
                    Err(error) if may_repeat(&error) && job.tries < delivery.tries => {
                        if self.0.has_newer(&job.command.sku_id, job.command.version) {
                            self.report(job, Outcome::Superseded, None).await;
                        } else {
                            last = Some(error);
                            again.push(job);
                        }
                    }
                    ended => {
                        let (outcome, reason) = judge(&ended);
                        self.report(job, outcome, reason).await;
                    }
                }
            }
            let (Some(error), Some(tries)) = (last, again.first().map(|job| job.tries)) else {
                return;
            };
            if !delivery.pause(tries, &error).await {
                return self.0.done(again.iter().map(|job| job.command.sku_id.as_str()));
            }
            jobs = again;
        }
    }

    /// One outcome for each job, whatever the connector answered.
    async fn call(&self, jobs: &[Job<StockCommand>]) -> Vec<Result<()>> {
        let shop = &self.0.shop;
        let sink = shop.connector.stock().filter(|_| shop.does(Capability::Stock));
        let Some(sink) = sink else {
            return jobs.iter().map(|_| Err(not_enabled("stock"))).collect();
        };
        let levels: Vec<StockLevel> = jobs.iter().map(|job| job.command.level()).collect();
        let caller = shop.caller(Class::Rest);
        let session = caller.session(self.0.delivery.parts.clock.now());
        match sink.set(&session, &levels).await {
            Ok(outcomes) if outcomes.len() == jobs.len() => outcomes,
            Ok(_) => {
                let error = Error::new(ErrorKind::Unavailable, "the channel answered in part");
                jobs.iter().map(|_| Err(error.clone())).collect()
            }
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn report(&self, job: Job<StockCommand>, outcome: Outcome, reason: Option<Reason>) {
        let Lane { shop, delivery, .. } = &*self.0;
        delivery.observe(Kind::Stock, shop, &job);
        let result = result(&job, outcome, reason, delivery.parts.clock.now());
        delivery.receipts.result(result, job.position).await;
        self.0.done([job.command.sku_id.as_str()]);
    }
}

/// The result of a stock command.
pub(super) fn result(
    job: &Job<StockCommand>,
    outcome: Outcome,
    error: Option<Reason>,
    at: Timestamp,
) -> PushResult {
    PushResult {
        push_id: push_id(&job.position),
        kind: Kind::Stock,
        channel: job.command.channel.clone(),
        shop: job.command.shop.clone(),
        object_id: job.command.sku_id.clone(),
        version: Some(job.command.version),
        number: None,
        outcome,
        error,
        tries: job.tries,
        at,
    }
}
