//! Receivers: invented.

const PEOPLE: [(&str, &str); 5] = [
    ("张小样", "北京 北京市 海淀区 样例路1号"),
    ("李试用", "上海 上海市 样例路22号 3单元"),
    ("王示范", "浙江省 杭州市 西湖区 示范街7号"),
    ("赵假设", "广东省 深圳市 南山区 假设大道100号 A座"),
    ("钱虚构", "四川省 成都市 双流县 虚构村5组"),
];

/// Name and address of a buyer's choice.
pub(super) fn of(seed: u64) -> (&'static str, &'static str) {
    let index = usize::try_from(seed % 5).unwrap_or(0);
    PEOPLE.get(index).copied().unwrap_or(("张小样", ""))
}
