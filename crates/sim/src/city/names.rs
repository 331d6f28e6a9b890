//! Invented names and addresses.

use crate::dice::Dice;

const SURNAMES: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何", "高", "林",
    "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "冯", "邓", "曹", "彭", "曾", "肖", "田", "董", "袁", "潘", "于",
    "蒋", "蔡",
];
const MALE: [&str; 24] = [
    "伟", "强", "军", "勇", "杰", "涛", "明", "超", "刚", "平", "辉", "鹏", "华", "飞", "鑫", "波", "斌", "宇", "浩",
    "凯", "俊", "峰", "龙", "建国",
];
const FEMALE: [&str; 24] = [
    "芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "秀英", "桂兰", "玉梅", "婷", "玲", "燕", "红", "雪", "琳", "慧",
    "莉", "倩", "颖", "洁", "凤", "欣怡",
];
const SECOND: [&str; 16] = ["", "", "", "", "文", "国", "志", "晓", "小", "海", "春", "永", "家", "子", "雅", "思"];
/// Characters that are in no GBK table: a bank that takes GBK files cannot be asked about these people.
const RARE: [&str; 4] = ["㛃", "𠮷", "㐂", "𬭎"];
const ROADS: [&str; 10] =
    ["青石路", "柳塘路", "望湖路", "桐花巷", "金桂路", "竹影街", "晨曦路", "长堤路", "梧桐里", "新桥街"];

/// A surname.
pub(super) fn surname(dice: &mut Dice) -> &'static str {
    dice.pick::<&str>(&SURNAMES)
}

/// A full name with that surname.
pub(super) fn full_name(surname: &str, male: bool, dice: &mut Dice) -> String {
    let last = dice.pick(if male { &MALE } else { &FEMALE });
    let middle = if last.chars().count() > 1 { "" } else { dice.pick(&SECOND) };
    format!("{surname}{middle}{last}")
}

/// A full name with a character that GBK cannot carry.
pub(super) fn rare_name(surname: &str, dice: &mut Dice) -> String {
    format!("{surname}{}", dice.pick(&RARE))
}

/// An address in a county, which no other household has: its numbers are spelled from the household's index.
pub(super) fn address(county: &str, rural: bool, index: u32, dice: &mut Dice) -> String {
    let road = dice.pick(&ROADS);
    if rural {
        format!("镇江市{county}{}村{}组{}号", &road[..6], index % 30 + 1, index / 30 + 1)
    } else {
        let (block, floor, door) = (index % 40 + 1, index / 40 % 6 + 1, index / 240 % 4 + 1);
        format!("镇江市{county}{road}{}号{block}幢{floor}0{door}室", index / 960 + 1)
    }
}
