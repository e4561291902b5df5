//! The only way out: every call to a channel is paced, signed, sent, judged and repeated here.
//!
//! Promises: no channel is called faster than its limit for that shop and API, nor than that of the application, by all
//! processes together; a ban stops exactly the API it is about, and afterwards the rate returns by steps; where a limit
//! is scarce, parcels go before orders and sold-out stock before other stock, and none of them starves; an API that keeps
//! failing is left alone for a while; a call that may have had its effect is repeated only when repeating it is harmless; hosts come from the
//! config alone, redirects are not followed, and private addresses are refused when connecting unless they are allowed.

mod breaker;
mod budget;
mod call;
mod gate;
mod guard;
mod limits;
mod pace;
mod shared;
mod socket;
mod token;
mod transport;

pub use call::{Account, Shared, ShopApi};
pub use guard::Guard;
pub use shared::SharedLimits;
pub use socket::Socket;
pub use transport::Transport;
