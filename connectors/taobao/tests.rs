//! The connector as a whole, against the strict fake of the channel.

use super::ENTRY;
use crate::contract::model::ShopId;
use crate::testkit::FakeShop;
use crate::testkit::conformance::{self, Subject};

pub(super) const SECRET: &str = "0ebbcccfee18d7ad1aebc5b135ffa906";
pub(super) const TOKEN: &str = "6100e23000000000000000000000000000000000000001";

pub(super) fn shop() -> FakeShop {
    FakeShop {
        shop: ShopId::try_new("2054500001").unwrap(),
        app_key: "12345678".to_owned(),
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
    }
}

#[tokio::test]
async fn conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.refresh = Some(format!("{TOKEN}-refresh"));
    conformance::check(&subject).await;
}
