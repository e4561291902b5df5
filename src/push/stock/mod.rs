//! Stock: of every SKU only the newest level is carried, sold-out ones first.

mod command;
mod delivery;
mod lane;
mod queue;
mod rules;
mod versions;

pub use command::StockCommand;
pub(super) use lane::Lane;
pub(super) use versions::Remembered;
