//! Stock: of every SKU only the newest level is carried.

mod command;
mod delivery;
mod lane;

pub use command::StockCommand;
pub(super) use lane::Lane;
