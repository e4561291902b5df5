//! Sets stock levels through the hub.
//!
//! The hub names refused SKUs in `error_response` and those set in `true_bn`, either maybe as JSON inside a text. Asked to
//! answer later it says `running`, and the level counts as taken: it is absolute, and the next one replaces it.

use super::super::answers::{self, Answer};
use super::super::ecstore::{MAX_BATCH, outcomes, quantities, unconfirmed};
use super::super::wire::Verdicts;
use super::Hub;
use crate::contract::model::StockLevel;
use crate::contract::{ErrorKind, Result, Session, StockSink};
use async_trait::async_trait;

pub(in super::super) const STOCK: &str = "store.items.quantity.list.update";

#[async_trait]
impl StockSink for Hub {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn batch_key<'l>(&self, _: &'l StockLevel) -> &'l str {
        ""
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        if levels.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.writes(STOCK).param("list_quantity", quantities(levels));
        let reply = session.api.call(request).await.map_err(|error| {
            // A failure that names nothing, not even a code, says nothing of any level: all are said again.
            let says_nothing =
                error.kind() == ErrorKind::Rejected && error.channel_code().is_none();
            if says_nothing { unconfirmed() } else { error }
        })?;
        let all = || levels.iter().map(|_| Ok(())).collect();
        match answers::answer(&reply.body)? {
            Answer::Running | Answer::Nothing => Ok(all()),
            Answer::TaskUsed => Err(unconfirmed()),
            Answer::Partly(data) => outcomes(levels, &Verdicts::read(data)?),
            Answer::Data(data) => {
                let verdicts = Verdicts::read(data)?;
                if verdicts.refused.is_empty() { Ok(all()) } else { outcomes(levels, &verdicts) }
            }
        }
    }
}
