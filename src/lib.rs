//! The gateway between sales channels and an ERP: all I/O and all state. What a channel means lives in `connectors`.
//!
//! One room, one verb: [`ingress`] takes HTTP in, [`stream`] messages, [`poll`] fetches, [`intake`] settles every event once, [`holds`]
//! knows which orders must not ship now, [`push`] carries stock and waybills back, [`egress`] calls out, [`store`] remembers,
//! [`bus`] passes on. [`app`] puts them together.

pub mod app;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod courier;
pub mod egress;
pub mod holds;
pub mod ingress;
pub mod intake;
pub mod judge;
pub mod output;
pub mod poll;
pub mod push;
pub mod schema;
pub mod seal;
pub mod shops;
pub mod shutdown;
pub mod simulate;
pub mod store;
pub mod stream;
pub mod telemetry;
