//! What every connector is tested and demonstrated with: strict fakes of the channels and one conformance suite.
//!
//! A [`Fake`] is the channel's side of the protocol as a pure function of a request and the time; the gateway's
//! `simulator` puts it on a socket. It verifies signatures as the channel does and knows nothing of the gateway.

pub mod conformance;
mod fake;
mod fake_api;
mod fake_stream;
pub(crate) mod typed;

pub use fake::{Delivery, Fake, FakeShop, Faults};
pub use fake_api::FakeApi;
pub use fake_stream::{Due, FakeStream};
