//! Remembers of every SKU the newest stock level that anybody began to tell its channel, and whether he finished.
//!
//! A version that is older than that is not told any more. One process cannot recall a call that another has under way, so
//! beginning tells whether there is one, and finishing tells whether a newer level was begun meanwhile: either way the
//! newer one is told once more, and the channel ends with it.

use super::Error;
use async_trait::async_trait;
use std::fmt::Debug;

/// A level of a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// SKU.
    pub sku: &'a str,
    /// Version that the ERP gave it.
    pub version: u64,
    /// Units that the channel is told.
    pub available: u32,
}

/// What beginning found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Nobody began a newer one; an equal one may go again.
    Go {
        /// Somebody began and has not finished: his call may arrive after this one.
        is_unsettled: bool,
    },
    /// A newer one was begun.
    Superseded(Newer),
}

/// A level that was begun meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newer {
    /// Its version.
    pub version: u64,
    /// Units.
    pub available: u32,
}

/// Versions by shop and SKU. `shop` is a name that is unique among all channels.
#[async_trait]
pub trait Versions: Send + Sync + Debug {
    /// States that these levels are about to be told. One answer each, in the same order.
    /// [`Error::Forgotten`] when the memory was lost: then nothing was stated.
    async fn begin(&self, shop: &str, levels: &[Version<'_>]) -> Result<Vec<Begun>, Error>;
    /// States that the calls have ended, and tells what is newer by now.
    async fn finish(&self, shop: &str, levels: &[Version<'_>])
    -> Result<Vec<Option<Newer>>, Error>;
    /// The newest that anybody began to tell, of each SKU.
    async fn newest(&self, shop: &str, skus: &[&str]) -> Result<Vec<Option<Newer>>, Error>;
    /// States what was commanded before; what is known to be newer stays.
    async fn recall(&self, shop: &str, levels: &[Version<'_>]) -> Result<(), Error>;
    /// States that everything was recalled: from now on [`Self::begin`] answers.
    async fn recalled(&self) -> Result<(), Error>;
}
