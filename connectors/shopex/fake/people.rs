//! Invented buyers and their addresses.

/// Somebody who buys.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) mobile: &'static str,
    pub(super) state: &'static str,
    pub(super) city: &'static str,
    pub(super) district: &'static str,
    pub(super) address: &'static str,
}

/// Everybody.
pub(super) const PEOPLE: [Person; 4] = [
    person("张小样", "13800000001", ["浙江", "杭州市", "西湖区"], "示例路 1 号 2 单元"),
    person("李试用", "13800000002", ["北京", "北京市", "海淀区"], "样板街 18 号 <A&B>"),
    person("王虚构", "13800000003", ["广东", "深圳市", "南山区"], "假想大道 7 号"),
    person("赵无人", "13800000004", ["四川", "成都市", "武侯区"], "测试巷 23 号"),
];

const fn person(
    name: &'static str,
    mobile: &'static str,
    [state, city, district]: [&'static str; 3],
    address: &'static str,
) -> Person {
    Person { name, mobile, state, city, district, address }
}
