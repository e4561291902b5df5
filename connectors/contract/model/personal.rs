//! Personal data of a receiver, in the form the channel gave it.

use super::Text;
use crate::contract::Sealed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which form a channel gave a piece of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonalForm {
    /// As the buyer wrote it.
    Plain,
    /// With stars in it: good to recognise, useless to ship to.
    Masked,
    /// Ciphertext or an opaque id that only the channel can open.
    Token,
}

/// One piece of personal data. Its value prints as stars everywhere but in the event itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// In which form it is.
    pub form: PersonalForm,
    /// The value.
    pub value: Sealed<String>,
}

impl Personal {
    /// A value in a known form.
    pub fn new(form: PersonalForm, value: impl Into<String>) -> Self {
        Self { form, value: Sealed::new(value.into()) }
    }

    /// Plain or masked, told by its stars.
    pub fn plain_or_masked(value: impl Into<String>) -> Self {
        let value = value.into();
        let form = if value.contains('*') { PersonalForm::Masked } else { PersonalForm::Plain };
        Self::new(form, value)
    }
}

/// Where the parcel goes. Region parts are plain on every channel; the rest may be masked or a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipTo {
    /// Receiver's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal>,
    /// Mobile number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Personal>,
    /// Land line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal>,
    /// Country, as the channel says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Text>,
    /// Province or state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<Text>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<Text>,
    /// District or county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<Text>,
    /// Town or street office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub town: Option<Text>,
    /// Address below the region parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Personal>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Text>,
    /// Open Addressee ID: what waybills are printed and parcels merged by where the rest is masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oaid: Option<Personal>,
}
