//! Ids. Always strings: channels use 19-digit numbers, which a JSON number does not survive.

use super::Text;
use crate::contract::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::sync::Arc;

/// Longest id any channel has; a longer one is a mistake or an attack.
const LENGTH_LIMIT_BYTES: usize = 128;

/// True for ids that may become part of a Kafka key, a Redis key and a path: visible ASCII without the separators.
fn is_valid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LENGTH_LIMIT_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'/' | b'"' | b'\\'))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(with = "String")]
        pub struct $name($inner);

        impl $name {
            /// Takes 1 to 128 visible ASCII characters, without `:`, `/`, `"` and `\`.
            pub fn try_new(text: &str) -> Result<Self> {
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(Error::malformed("an id is 1 to 128 visible ASCII characters without : / \" \\"))
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                struct IdVisitor;
                impl serde::de::Visitor<'_> for IdVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an id as text")
                    }

                    // Not through a `String` or a `Cow`, which would be allocated and thrown away.
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<$name, E> {
                        $name::try_new(text).map_err(|_| {
                            E::custom("expected an id: 1 to 128 visible ASCII characters without : / \" \\")
                        })
                    }
                }
                deserializer.deserialize_str(IdVisitor)
            }
        }
    };
}

id!(
    /// A shop: one seller on one channel, by the channel's id.
    ShopId, Arc<str>
);
id!(
    /// An order, by the channel's id.
    OrderId, Text
);
id!(
    /// A refund, by the channel's id.
    RefundId, Text
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_twenty_digits_survive_and_separators_are_refused() {
        let id: OrderId = serde_json::from_str("\"12345678901234567890\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"12345678901234567890\"");
        for wrong in ["", "a:b", "a/b", "a b", "订单", &"9".repeat(129)] {
            assert!(OrderId::try_new(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<OrderId>("12345678901234567890").is_err());
    }
}
