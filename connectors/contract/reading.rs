//! What was read of an answer, kept with the answer.
//!
//! An answer is judged before it is given to whoever asked, and judging takes reading all of it: what is cut off or
//! broken must not pass. Whoever asked wants the same values, so they are kept instead of read a second time.

use bytes::Bytes;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What one connector has read of a body. Empty until somebody reads.
#[derive(Clone, Default)]
pub struct Reading(OnceLock<Kept>);

#[derive(Clone)]
struct Kept {
    /// Held, so that no other body can stand at the same address.
    body: Bytes,
    read: Arc<dyn Any + Send + Sync>,
}

impl Reading {
    /// What `read` makes of a body, or has made of the very same bytes before. An error is not kept.
    pub(super) fn of<T: Any + Send + Sync, E>(
        &self,
        body: &Bytes,
        read: impl FnOnce(&Bytes) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(known) = self.0.get().and_then(|kept| kept.of(body)) {
            return Ok(known);
        }
        let made = Arc::new(read(body)?);
        let read: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&made);
        self.0.get_or_init(|| Kept { body: body.clone(), read });
        Ok(made)
    }
}

impl Kept {
    fn of<T: Any + Send + Sync>(&self, body: &Bytes) -> Option<Arc<T>> {
        let is_same = self.body.as_ptr() == body.as_ptr() && self.body.len() == body.len();
        Arc::clone(&self.read).downcast().ok().filter(|_| is_same)
    }
}

/// Not what is inside, which may be personal.
impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_body_is_read_once_and_another_body_anew() {
        let times = Cell::new(0);
        let read = |body: &Bytes| {
            times.set(times.get() + 1);
            if body.is_empty() { Err(()) } else { Ok(body.len()) }
        };
        let reading = Reading::default();
        let body = Bytes::from_static(b"12345");
        assert_eq!(reading.of(&Bytes::new(), read), Err(()));
        assert_eq!((reading.of(&body, read), times.get()), (Ok(Arc::new(5)), 2));
        assert_eq!((reading.of(&body.slice(..), read), times.get()), (Ok(Arc::new(5)), 2));
        // The same address, another length; the same bytes elsewhere; the same bytes as another type.
        assert_eq!((reading.of(&body.slice(..4), read), times.get()), (Ok(Arc::new(4)), 3));
        let elsewhere = Bytes::from(body.to_vec());
        assert_eq!((reading.of(&elsewhere, read), times.get()), (Ok(Arc::new(5)), 4));
        assert_eq!(reading.of(&body, |_| Ok::<_, ()>("other")), Ok(Arc::new("other")));
        assert_eq!((reading.of(&body, read), times.get()), (Ok(Arc::new(5)), 4));
    }
}
