//! What reading a body costs `serde_json` alone: typed structs of borrowed values, and nothing made of them.

use serde::de::{Error, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// A plain value as it stands in a body: text borrowed from it, or a number, a switch, or nothing.
pub(crate) enum Scalar<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Anything else that is no list and no object.
    Other,
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

impl Scalar<'_> {
    /// Its text, where it is text.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Other => "",
        }
    }
}

/// Something that is there and not looked at.
pub(crate) type Skipped = IgnoredAny;

/// A struct whose fields are plain values, all optional, and some that are structs or lists of their own.
macro_rules! typed {
    ($name:ident { $($field:ident $(= $said:literal)?),* $(,)? } $({ $($inner:ident $(= $called:literal)?: $type:ty),* $(,)? })?) => {
        #[derive(serde::Deserialize)]
        struct $name<'a> {
            $(
                #[serde(borrow, default $(, rename = $said)?)]
                $field: Option<$crate::testkit::typed::Scalar<'a>>,
            )*
            $($(
                #[serde(borrow, default $(, rename = $called)?)]
                $inner: Option<$type>,
            )*)?
            #[serde(skip)]
            _body: std::marker::PhantomData<&'a ()>,
        }

        impl $name<'_> {
            /// How many plain values were there: so that no reading can be left out as unused.
            fn plain(&self) -> usize {
                [$(self.$field.as_ref().map_or(0, |value| 1 + value.text().len())),*].iter().sum()
            }
        }
    };
}
pub(crate) use typed;
