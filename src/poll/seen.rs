//! Thin notices that a feed has published, so that the overlap of windows costs no reading.

use parking_lot::Mutex;
use quick_cache::unsync::Cache;

/// Notices that are remembered.
const LIMIT: usize = 50_000;

/// Remembers the newest notices of one feed. Takes memory from the first one on: a gateway may have ten thousand feeds that
/// nothing happens in.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<Box<Notices>>>);

/// Id and modification time.
type Notices = Cache<(String, i64), ()>;

impl Seen {
    pub(super) fn contains(&self, key: &(String, i64)) -> bool {
        self.0.lock().as_mut().is_some_and(|cache| cache.get(key).is_some())
    }

    pub(super) fn insert(&self, key: (String, i64)) {
        self.0.lock().get_or_insert_with(|| Box::new(Cache::new(LIMIT))).insert(key, ());
    }
}
