//! Reports shipments: a delivery is created, and then declared done, which is what ships.
//!
//! Both calls bear a `task` made from shop, order, number and step, so the same call coming twice, even while the first
//! is still being worked on, is done once. The shop remembers a task whatever became of it, though, and answers the
//! second call with a success that says nothing. So that answer alone is never believed: the order is read back, and
//! declaring the delivery done is asked once more under another task, which the shop answers from its books.
//!
//! The shop does not tell with which number an order was shipped. What it does tell is whether the delivery, whose number
//! is made from order and tracking number, exists.

use super::super::answers::{self, Answer, DELIVERY_EXISTS, NO_DELIVERY};
use super::super::auth::TASK;
use super::super::fields::Fields;
use super::super::parcel::{self, Contents, Item};
use super::{DETAIL, Ecstore, request};
use crate::contract::model::{OrderId, Shipped, Waybill};
use crate::contract::{ApiReply, ApiRequest, Error, ErrorKind, Result, Session, WaybillSink};
use async_trait::async_trait;

pub(in super::super) const CREATE: &str = "b2c.delivery.create";
pub(in super::super) const UPDATE: &str = "b2c.delivery.update";
/// The receiver of the order, as the delivery names it.
const RECEIVER: [(&str, &str); 8] = [
    ("ship_name", "receiver_name"),
    ("ship_states", "receiver_state"),
    ("ship_city", "receiver_city"),
    // The channel's spelling.
    ("ship_distinct", "receiver_district"),
    ("ship_addr", "receiver_address"),
    ("ship_zip", "receiver_zip"),
    ("ship_tel", "receiver_phone"),
    ("ship_mobile", "receiver_mobile"),
];

/// What a call that changes something came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// It is so.
    True,
    /// The task was used before, or the answer is empty: nobody says what became of it.
    Unsaid,
    /// There is no such delivery.
    Missing,
}

#[async_trait]
impl WaybillSink for Ecstore {
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()> {
        parcel::check(waybill)?;
        let company = self.0.carriers.word(&waybill.carrier, |carrier| Some(carrier.name))?;
        let number = parcel::delivery_number(session, waybill);
        let telling = Telling { session, waybill, company, number };
        let reply = detail(session, &waybill.order_id).await?;
        let trade = Fields::from_json(answers::data(&reply.body)?.get().as_bytes())?;
        let items: Vec<Item> = parcel::items(&trade)?;
        let contents = Contents::of(&items, &waybill.lines)?;
        if contents.is_open {
            telling.create(&trade, &contents, true).await?;
            if telling.update(true).await? == Came::True {
                return Ok(());
            }
            // A task was used before, and what became of it is not said. Unless it is shipped by now, the shop is asked
            // under other tasks, and looks into its books: a delivery that is there is refused, one that is done stays so.
            if telling.is_open().await? {
                telling.create(&trade, &contents, false).await?;
            }
        }
        match telling.update(false).await? {
            Came::True => Ok(()),
            Came::Missing if !contents.is_open => Err(with_another_number()),
            Came::Missing | Came::Unsaid => Err(unsaid()),
        }
    }

    /// Empty: the shop tells of no order with which number it was shipped. [`WaybillSink::ship`] finds out by itself.
    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>> {
        let reply = detail(session, order).await?;
        let trade = Fields::from_json(answers::data(&reply.body)?.get().as_bytes())?;
        Ok(super::super::hub::shipped(&self.0.carriers, &trade))
    }

    fn in_steps(&self) -> bool {
        true
    }
}

async fn detail(session: &Session<'_>, order: &OrderId) -> Result<ApiReply> {
    session.api.call(request(DETAIL).idempotent().param("tid", order.as_str())).await
}

struct Telling<'t> {
    session: &'t Session<'t>,
    waybill: &'t Waybill,
    company: &'t str,
    number: String,
}

impl Telling<'_> {
    /// A call about the delivery. Under the task of its step it is done once however often it comes.
    fn call(&self, api: &'static str, step: Option<&str>) -> ApiRequest {
        let mut request = request(api)
            .idempotent()
            .param("order_bn", self.waybill.order_id.as_str())
            .param("delivery_bn", self.number.as_str())
            .param("logi_name", self.company)
            .param("logi_no", self.waybill.number.as_str());
        if let Some(step) = step {
            request = request.param(TASK, parcel::task(self.session, self.waybill, step));
        }
        request
    }

    /// Whether the shop still shows everything in the parcel as left to ship.
    async fn is_open(&self) -> Result<bool> {
        let reply = detail(self.session, &self.waybill.order_id).await?;
        let trade = Fields::from_json(answers::data(&reply.body)?.get().as_bytes())?;
        let items = parcel::items(&trade)?;
        Ok(Contents::of(&items, &self.waybill.lines)?.is_open)
    }

    async fn create(
        &self,
        trade: &Fields<'_>,
        contents: &Contents<'_>,
        under_task: bool,
    ) -> Result<Came> {
        let mut request = self
            .call(CREATE, under_task.then_some("create"))
            .param("items", contents.as_delivery(false))
            .param("delivery", trade.text("shipping_type").unwrap_or_default())
            .param("t_begin", (self.session.now.unix_ms() / 1000).to_string())
            .param("status", "progress");
        for (theirs, name) in RECEIVER {
            request = request.param(theirs, trade.text(name).unwrap_or_default());
        }
        match self.ask(request).await {
            Err(error) if error.channel_code() == Some(DELIVERY_EXISTS) => Ok(Came::True),
            came => came,
        }
    }

    async fn update(&self, under_task: bool) -> Result<Came> {
        let request = self.call(UPDATE, under_task.then_some("update")).param("status", "succ");
        match self.ask(request).await {
            Err(error) if error.channel_code() == Some(NO_DELIVERY) => Ok(Came::Missing),
            came => came,
        }
    }

    async fn ask(&self, request: ApiRequest) -> Result<Came> {
        let reply = self.session.api.call(request).await?;
        Ok(match answers::answer(&reply.body)? {
            Answer::Data(data) if data.get().starts_with('{') => Came::True,
            Answer::Data(_) | Answer::Nothing | Answer::TaskUsed | Answer::Running => Came::Unsaid,
            Answer::Partly(_) => return Err(answers::partly()),
        })
    }
}

fn with_another_number() -> Error {
    let text = "nothing of this is left to ship, and it was not shipped with this number";
    Error::new(ErrorKind::Conflict, text)
}

fn unsaid() -> Error {
    Error::new(ErrorKind::Unavailable, "channel does not say whether the order is shipped")
}
