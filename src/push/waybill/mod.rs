//! Waybills: each is carried, the most urgent first, and told to the channel once.
//!
//! Promises: a call whose result is not known is followed by a reading back before it is repeated, and a reading back
//! that fails is not taken for "not there". A command that comes again, after a crash or because it was sent twice, costs
//! no call where the journal knows its end. A parcel whose channel does not answer is parked: its order waits, nobody
//! else does. A held order is refused before a call is spent, unless the command says `force`.

mod command;
mod delivery;
mod held;
mod journal;
mod lane;
mod look;
mod queue;
#[cfg(test)]
mod tests;

pub use command::WaybillCommand;
pub(super) use journal::Journal;
pub(super) use lane::Lane;
