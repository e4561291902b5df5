//! Where the fake's parcels go: to people who do not exist.

use super::answers::put;
use serde_json::Value;

/// Somebody who does not exist, at an address that does not exist, masked as TOP masks it.
struct Receiver {
    name: &'static str,
    mobile: &'static str,
    state: &'static str,
    /// Absent in a county that a province governs directly.
    city: Option<&'static str>,
    district: &'static str,
    street: &'static str,
}

const RECEIVERS: [Receiver; 5] = [
    Receiver {
        name: "张**",
        mobile: "1380000****",
        state: "浙江省",
        city: Some("杭州市"),
        district: "余杭区",
        street: "测**路**号",
    },
    Receiver {
        name: "李**",
        mobile: "1390000****",
        state: "广东省",
        city: Some("广州市"),
        district: "海珠区",
        street: "测试**园**栋",
    },
    Receiver {
        name: "王**",
        mobile: "1370000****",
        state: "河南省",
        city: None,
        district: "济源市",
        street: "虚**街**号",
    },
    Receiver {
        name: "赵**",
        mobile: "1360000****",
        state: "上海",
        city: Some("上海市"),
        district: "浦东新区",
        street: "样**路**弄",
    },
    Receiver {
        name: "欧阳**",
        mobile: "1350000****",
        state: "陕西省",
        city: Some("西安市"),
        district: "雁塔区",
        street: "测**路测试**园",
    },
];

/// Writes a receiver into a trade.
pub(super) fn put_receiver(trade: &mut Value, index: usize) {
    let Some(receiver) = RECEIVERS.get(index % RECEIVERS.len()) else { return };
    for (field, value) in [
        ("receiver_name", receiver.name),
        ("receiver_mobile", receiver.mobile),
        ("receiver_phone", "010-0000****"),
        ("receiver_state", receiver.state),
        ("receiver_district", receiver.district),
        ("receiver_town", "测试镇"),
        ("receiver_address", receiver.street),
        ("receiver_zip", "000000"),
    ] {
        put(trade, field, Some(value.to_owned()));
    }
    put(trade, "receiver_city", receiver.city.map(str::to_owned));
}
