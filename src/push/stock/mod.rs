//! Stock: of every SKU only the newest level is carried, sold-out ones first.

mod command;
mod delivery;
mod drift;
mod lane;
mod queue;
mod rules;
mod superseded;
mod versions;

pub use command::StockCommand;
pub(super) use drift::{Drift, start as read_back};
pub(super) use lane::Lane;
pub(super) use superseded::Gathered;
pub(super) use versions::Remembered;
