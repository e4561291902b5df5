//! The only way out: every call to a channel is paced, signed, sent, judged and repeated here.
//!
//! Promises: no channel is called faster than its limit for that shop and API; a ban stops exactly the bucket it is
//! about; a call that may have had its effect is repeated only when repeating it is harmless; hosts come from the
//! config alone, redirects are not followed, and private addresses are refused when connecting unless they are allowed.

mod call;
mod guard;
mod quota;
mod socket;
mod token;
mod transport;

pub use call::{Account, Shared, ShopApi};
pub use guard::Guard;
pub use socket::Socket;
pub use transport::Transport;
