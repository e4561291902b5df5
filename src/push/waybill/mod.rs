//! Waybills: each is carried, in order.

mod command;
mod delivery;
mod lane;

pub use command::WaybillCommand;
pub(super) use lane::Lane;
