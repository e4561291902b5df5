//! Taobao's open platform.

#[cfg(feature = "testkit")]
mod fake;
#[cfg(feature = "testkit")]
mod fake_answers;
#[cfg(feature = "testkit")]
mod fake_books;
#[cfg(feature = "testkit")]
mod fake_call;
#[cfg(feature = "testkit")]
mod fake_carriers;
#[cfg(feature = "testkit")]
mod fake_gate;
#[cfg(feature = "testkit")]
mod fake_lists;
#[cfg(feature = "testkit")]
mod fake_receivers;
#[cfg(feature = "testkit")]
mod fake_shipping;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod fake_shipping_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod fake_shop_tests;
#[cfg(feature = "testkit")]
mod fake_stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod fake_tests;
#[cfg(feature = "testkit")]
mod fake_trades;

/// A strict fake of the platform with these shops.
#[cfg(feature = "testkit")]
fn fake(shops: Vec<crate::testkit::FakeShop>) -> std::sync::Arc<dyn crate::testkit::Fake> {
    fake::build(shops)
}
