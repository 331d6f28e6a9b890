//! Chinese addresses taken apart: `江苏省镇江市京口区中山东路12号香江花园3幢2单元301室`.
//!
//! Whatever the width of its digits, `叁`-less numerals before a counting word (`三单元`), `3-2-301`, `3#301`, and
//! whatever is left out. Parts that are not said are none: never an error, and never equal to anything.

use unicode_normalization::UnicodeNormalization;

use super::places::{Level, Places};

/// An address in parts. Names are without blanks; numbers without leading zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) province: Option<Box<str>>,
    pub(crate) city: Option<Box<str>>,
    pub(crate) district: Option<Box<str>>,
    pub(crate) town: Option<Box<str>>,
    pub(crate) village: Option<Box<str>>,
    pub(crate) road: Option<Box<str>>,
    pub(crate) estate: Option<Box<str>>,
    pub(crate) lane: Option<Box<str>>,
    pub(crate) house: Option<Box<str>>,
    pub(crate) group: Option<Box<str>>,
    pub(crate) building: Option<Box<str>>,
    pub(crate) unit: Option<Box<str>>,
    pub(crate) room: Option<Box<str>>,
    /// Whether its city stands alone and may be a county-level one.
    pub(crate) vague_city: bool,
    /// What makes it something else than a flat: a garage, a shop, the stairs' light.
    pub(crate) annex: Option<&'static str>,
    /// The whole, folded: two addresses that are equal to the letter are one, whatever their parts.
    pub(crate) whole: Box<str>,
}

/// Provinces that are often written without their last word. Municipalities are cities here.
const PROVINCES: [&str; 30] = [
    "黑龙江",
    "内蒙古",
    "河北",
    "山西",
    "辽宁",
    "吉林",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "海南",
    "四川",
    "贵州",
    "云南",
    "陕西",
    "甘肃",
    "青海",
    "台湾",
    "广西",
    "西藏",
    "宁夏",
    "新疆",
    "香港",
    "澳门",
];

/// What a meter may also measure at the same address.
const ANNEXES: [&str; 13] =
    ["车库", "车位", "阁楼", "储藏", "地下室", "门面", "商铺", "店面", "公用", "消防", "电梯", "楼道", "路灯"];

/// Words after a number, the longer first, and what they count.
const COUNTED: [(&str, Part); 22] = [
    ("号大院", Part::House),
    ("号院", Part::House),
    ("号楼", Part::Building),
    ("号门", Part::House),
    ("村民小组", Part::Group),
    ("单元", Part::Unit),
    ("门洞", Part::Unit),
    ("幢", Part::Building),
    ("栋", Part::Building),
    ("座", Part::Building),
    ("#楼", Part::Building),
    ("#", Part::Building),
    ("弄", Part::Lane),
    ("组", Part::Group),
    ("队", Part::Group),
    ("社", Part::Group),
    ("室", Part::Room),
    ("房", Part::Room),
    ("户", Part::Room),
    ("层", Part::Floor),
    ("楼", Part::Floor),
    ("号", Part::House),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Lane,
    House,
    Group,
    Building,
    Unit,
    Floor,
    Room,
}

impl Address {
    /// Takes an address apart, with the names of today for those of the past.
    pub(crate) fn parse(text: &str, places: &Places) -> Self {
        let plain = normalised(text);
        let mut rest = plain.as_slice();
        let mut address = Self { whole: folded(&plain), ..Self::default() };
        address.province = province(&mut rest);
        address.city = up_to(&mut rest, &[("自治州", 3, 10), ("地区", 2, 5), ("盟", 2, 5), ("市", 2, 5)], not_a_city)
            .or_else(|| begun(&mut rest, places));
        address.district = up_to(
            &mut rest,
            &[("自治县", 2, 9), ("自治旗", 2, 9), ("区", 1, 6), ("县", 1, 5), ("旗", 2, 6), ("市", 2, 4)],
            not_a_district,
        );
        address.town =
            up_to(&mut rest, &[("街道办事处", 1, 7), ("街道", 1, 7), ("镇", 1, 6), ("乡", 1, 7)], not_a_town);
        address.village = up_to(
            &mut rest,
            &[
                ("居民委员会", 1, 8),
                ("村民委员会", 1, 8),
                ("社区", 1, 8),
                ("居委会", 1, 8),
                ("村委会", 1, 8),
                ("村", 1, 8),
            ],
            not_a_village,
        );
        address.settle(places);
        address.shorten();
        Details::default().read(rest, &mut address);
        address.annex = ANNEXES.into_iter().find(|word| address.whole.contains(word));
        address.rename(places);
        address
    }

    /// A city that stands alone may be one with districts or a county-level one: the table of places knows some.
    fn settle(&mut self, places: &Places) {
        let (Some(city), None) = (&self.city, &self.district) else { return };
        if let Some(whole) = places.city_of(city) {
            let county = self.city.replace(whole.into());
            self.district = county;
        } else {
            self.vague_city = !places.is_city(city);
        }
    }

    /// One word for one kind of place, so that `X村委会` is `X村`.
    fn shorten(&mut self) {
        let cut = |part: &mut Option<Box<str>>, ends: &[(&str, &str)]| {
            let Some(name) = part else { return };
            if let Some((stem, new)) = ends.iter().find_map(|(end, new)| Some((name.strip_suffix(end)?, new))) {
                *part = Some(format!("{stem}{new}").into());
            }
        };
        cut(&mut self.town, &[("街道办事处", "街道")]);
        cut(
            &mut self.village,
            &[
                ("村民委员会", "村"),
                ("村村委会", "村"),
                ("村委会", "村"),
                ("社区居民委员会", "社区"),
                ("社区居委会", "社区"),
                ("居民委员会", "社区"),
                ("居委会", "社区"),
            ],
        );
    }

    fn rename(&mut self, places: &Places) {
        let city = self.city.clone();
        let parts = [
            (Level::City, &mut self.city),
            (Level::District, &mut self.district),
            (Level::Town, &mut self.town),
            (Level::Village, &mut self.village),
            (Level::Road, &mut self.road),
            (Level::Estate, &mut self.estate),
        ];
        for (level, part) in parts {
            if let Some(new) = part.as_ref().and_then(|old| places.now(level, old, city.as_deref())) {
                *part = Some(new.into());
            }
        }
    }

    /// The estate without the words that estates are called by: `香江花园小区` and `香江` are one.
    pub(crate) fn estate_core(&self) -> Option<&str> {
        const KINDS: [&str; 16] = [
            "住宅小区",
            "小区",
            "花园",
            "家园",
            "花苑",
            "新村",
            "公寓",
            "大厦",
            "小镇",
            "山庄",
            "广场",
            "名苑",
            "雅苑",
            "佳苑",
            "苑",
            "园",
        ];
        let whole = self.estate.as_deref()?;
        let mut core = whole;
        // Never down to one character: 东苑 and 东园 are two.
        while let Some(shorter) =
            KINDS.iter().find_map(|kind| core.strip_suffix(kind)).filter(|s| s.chars().count() > 1)
        {
            core = shorter;
        }
        Some(core)
    }

    /// Names that a home can be looked up by.
    pub(crate) fn anchors(&self) -> impl Iterator<Item = &str> {
        [self.road.as_deref(), self.estate_core(), self.village.as_deref()].into_iter().flatten()
    }

    /// Whether it says enough to be a home's: a name and a number.
    pub(crate) fn is_usable(&self) -> bool {
        let numbers = [&self.lane, &self.house, &self.group, &self.building, &self.unit, &self.room];
        self.anchors().next().is_some() && numbers.into_iter().any(Option::is_some)
    }
}

/// NFKC in upper case; between two digits a blank is kept as `-`, everywhere else blanks and punctuation go.
fn normalised(text: &str) -> Vec<char> {
    let wide: Vec<char> = text.nfkc().flat_map(char::to_uppercase).collect();
    let mut plain: Vec<char> = Vec::with_capacity(wide.len());
    let mut gap = false;
    for c in wide {
        match c {
            '#' => {
                plain.push('#');
                gap = false;
            }
            c if c.is_alphanumeric() => {
                let number = |c: char| c.is_ascii_alphanumeric();
                if gap && number(c) && plain.last().is_some_and(|last| number(*last)) {
                    plain.push('-');
                }
                plain.push(c);
                gap = false;
            }
            _ => gap = true,
        }
    }
    plain
}

fn folded(plain: &[char]) -> Box<str> {
    plain.iter().collect::<String>().into()
}

fn province(rest: &mut &[char]) -> Option<Box<str>> {
    for name in PROVINCES {
        if !starts(rest, name) {
            continue;
        }
        let after: String = rest.iter().skip(name.chars().count()).take(8).collect();
        let after = after.as_str();
        let words = ["壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省"];
        let word = words.into_iter().find(|word| after.starts_with(word));
        let after = word.map_or(after, |word| &after[word.len()..]);
        // 江苏路 is a road.
        if word.is_none() && (after.starts_with(['路', '街', '巷', '里', '大']) || after.is_empty()) {
            return None;
        }
        let length = name.chars().count() + word.map_or(0, |w| w.chars().count());
        *rest = &rest[length..];
        return Some(name.into());
    }
    None
}

/// A known city without its last word: 镇江香江花园.
fn begun(rest: &mut &[char], places: &Places) -> Option<Box<str>> {
    let city = places.city_begun(|stem| starts(rest, stem))?;
    let stem = city.chars().count() - 1;
    if rest.get(stem).is_none_or(|c| matches!(c, '路' | '街' | '巷' | '里' | '大' | '东' | '西' | '南' | '北' | '中'))
    {
        return None;
    }
    *rest = &rest[stem..];
    Some(city.into())
}

/// Takes a name that ends with one of some words, so many characters before it at least and at most.
fn up_to(
    rest: &mut &[char],
    words: &[(&str, usize, usize)],
    is_other: fn(&[char], &[char]) -> bool,
) -> Option<Box<str>> {
    // A number ends every name: what follows it is not an area.
    let number = rest.iter().take(16).position(char::is_ascii_digit).unwrap_or(rest.len());
    for (word, least, most) in words {
        let length = word.chars().count();
        for before in *least..=(*most).min(number) {
            let end = before + length;
            if end > rest.len() {
                break;
            }
            if starts(&rest[before..], word) && !is_other(&rest[..before], &rest[end..]) {
                let name = rest[..end].iter().collect::<String>().into();
                *rest = &rest[end..];
                return Some(name);
            }
        }
    }
    None
}

fn not_a_city(before: &[char], after: &[char]) -> bool {
    ends_a_road(before)
        || after.starts_with(&['场'])
        || after.starts_with(&['花', '园'])
        || after.starts_with(&['广', '场'])
}

fn not_a_district(before: &[char], _: &[char]) -> bool {
    ends_a_road(before)
        || before.last().is_some_and(|c| matches!(c, '小' | '社' | '街' | '校' | '库' | '厂' | '园'))
        || before.ends_with(&['生', '活'])
        || before.ends_with(&['住', '宅'])
}

fn not_a_town(before: &[char], after: &[char]) -> bool {
    ends_a_road(before) || after.starts_with(&['江'])
}

fn not_a_village(before: &[char], after: &[char]) -> bool {
    ends_a_road(before)
        || before.last() == Some(&'新')
        || after.first().is_some_and(|c| matches!(c, '路' | '街' | '巷' | '小' | '花' | '苑'))
}

/// Whether a road has ended in a name: then it is no area's.
fn ends_a_road(before: &[char]) -> bool {
    before.iter().skip(1).any(|c| matches!(c, '路' | '街' | '巷' | '苑' | '园' | '弄'))
}

/// The part after the areas.
#[derive(Default)]
struct Details {
    text: String,
    numbered: bool,
}

impl Details {
    fn read(mut self, rest: &[char], address: &mut Address) {
        let mut at = 0;
        while at < rest.len() {
            let Some((chain, next)) = chain(rest, at) else {
                self.text.push(rest[at]);
                at += 1;
                continue;
            };
            let counted = COUNTED.iter().find(|(word, _)| starts(&rest[next..], word));
            let after = counted.map_or(next, |(word, _)| next + word.chars().count());
            // 三号路 is a road, 五一村 a village.
            let is_name = counted.is_none() && !chain.iter().any(|n| n.bytes().any(|b| b.is_ascii_digit()))
                || counted.is_some() && rest.get(after).is_some_and(|c| matches!(c, '路' | '街' | '巷' | '线'));
            if is_name {
                self.text.extend(&rest[at..after.max(at + 1)]);
                at = after.max(at + 1);
                continue;
            }
            self.name(address);
            self.number(address, chain, counted.map(|(_, part)| *part));
            at = after;
        }
        self.name(address);
    }

    /// The text before a number: a road, an estate, or both.
    fn name(&mut self, address: &mut Address) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim_start_matches(['第', '-']).trim_end_matches(['第', '-']);
        if text.is_empty() || (self.numbered && text.chars().count() < 2) {
            return;
        }
        if text == "附" {
            return;
        }
        let end = ["大道", "路", "大街", "街", "巷", "胡同", "弄堂"]
            .into_iter()
            .filter_map(|word| text.rfind(word).filter(|at| *at > 0).map(|at| at + word.len()))
            .max();
        let (road, estate) = end.map_or(("", text), |end| text.split_at(end));
        if !road.is_empty() && address.road.is_none() {
            address.road = Some(road.into());
        }
        let estate = estate.trim_start_matches('-');
        if estate.chars().count() > 1 && address.estate.is_none() && !ANNEXES.iter().any(|a| estate.contains(a)) {
            address.estate = Some(estate.into());
        }
    }

    fn number(&mut self, address: &mut Address, mut chain: Vec<String>, counted: Option<Part>) {
        self.numbered = true;
        let set = |part: &mut Option<Box<str>>, number: String| {
            if part.is_none() {
                *part = Some(number.into());
            }
        };
        let last = match counted {
            // 12-3号 is one number; 3-2-301室 is three.
            Some(Part::Room) | None => chain.pop(),
            Some(_) => Some(std::mem::take(&mut chain).join("-")),
        };
        let Some(last) = last else { return };
        let mut chain = chain.into_iter();
        match (chain.len(), address.building.is_some()) {
            (0, _) => {}
            (1, true) => set(&mut address.unit, chain.next().unwrap_or_default()),
            (1, false) => set(&mut address.building, chain.next().unwrap_or_default()),
            (_, false) => {
                set(&mut address.building, chain.next().unwrap_or_default());
                set(&mut address.unit, chain.next().unwrap_or_default());
            }
            (_, true) => set(&mut address.unit, chain.collect::<Vec<_>>().join("-")),
        }
        match counted {
            Some(Part::Lane) => set(&mut address.lane, last),
            Some(Part::Group) => set(&mut address.group, last),
            Some(Part::Building) => set(&mut address.building, last),
            Some(Part::Unit) => set(&mut address.unit, last),
            Some(Part::Room) => set(&mut address.room, last),
            Some(Part::Floor) => {}
            // 5幢301号 is a room, 中山路12号3号 a house and a building.
            Some(Part::House) if address.building.is_some() || address.unit.is_some() => set(&mut address.room, last),
            Some(Part::House) if address.house.is_some() => set(&mut address.building, last),
            Some(Part::House) => set(&mut address.house, last),
            None if address.building.is_some() || address.unit.is_some() => set(&mut address.room, last),
            None if address.house.is_some() => set(&mut address.room, last),
            None if address.estate.is_some() => set(&mut address.building, last),
            None => set(&mut address.house, last),
        }
    }
}

fn starts(rest: &[char], word: &str) -> bool {
    let mut rest = rest.iter();
    word.chars().all(|c| rest.next() == Some(&c))
}

/// Numbers joined by `-`, in digits, letters or Chinese numerals, and where they end.
fn chain(rest: &[char], from: usize) -> Option<(Vec<String>, usize)> {
    let mut numbers = Vec::new();
    let mut at = from;
    loop {
        let (number, next) = one_number(rest, at)?;
        numbers.push(number);
        at = next;
        if rest.get(at) == Some(&'-') && rest.get(at + 1).is_some_and(char::is_ascii_alphanumeric) {
            at += 1;
        } else {
            return Some((numbers, at));
        }
    }
}

fn one_number(rest: &[char], from: usize) -> Option<(String, usize)> {
    let first = *rest.get(from)?;
    let run = |is: fn(&char) -> bool| from + rest[from..].iter().take_while(|c| is(c)).count();
    if first.is_ascii_alphanumeric() {
        let end = run(char::is_ascii_alphanumeric);
        let text: String = rest[from..end].iter().collect();
        let plain = text.trim_start_matches('0');
        let is_number = text.bytes().any(|b| b.is_ascii_digit())
            || COUNTED.iter().any(|(word, _)| starts(&rest[end..], word))
            || rest.get(end) == Some(&'-');
        return is_number.then(|| (if plain.is_empty() { "0".to_owned() } else { plain.to_owned() }, end));
    }
    if is_numeral(&first) {
        let end = run(is_numeral);
        // Only before a word that counts: 五一路 and 三里屯 are names.
        COUNTED.iter().find(|(word, _)| starts(&rest[end..], word))?;
        return Some((numeral(&rest[from..end])?.to_string(), end));
    }
    if matches!(first, '甲' | '乙' | '丙' | '丁' | '东' | '西' | '南' | '北' | '中') {
        let end = from + 1;
        let counts = ["单元", "幢", "栋", "座"].into_iter().any(|word| starts(&rest[end..], word));
        return counts.then(|| (first.to_string(), end));
    }
    None
}

const fn is_numeral(c: &char) -> bool {
    matches!(c, '零' | '〇' | '一' | '二' | '两' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十' | '百')
}

/// `三百零一`, `十二`, `二〇一`.
fn numeral(chars: &[char]) -> Option<u32> {
    let digit = |c: char| {
        let at = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'].iter().position(|d| *d == c);
        at.or(match c {
            '〇' => Some(0),
            '两' => Some(2),
            _ => None,
        })
        .and_then(|at| u32::try_from(at).ok())
    };
    if !chars.iter().any(|c| matches!(c, '十' | '百')) {
        return chars.iter().try_fold(0u32, |sum, c| sum.checked_mul(10)?.checked_add(digit(*c)?));
    }
    let (mut sum, mut open) = (0u32, None::<u32>);
    for c in chars {
        match c {
            '百' => sum = sum.checked_add(open.take()?.checked_mul(100)?)?,
            '十' => sum = sum.checked_add(open.take().unwrap_or(1).checked_mul(10)?)?,
            c => open = Some(digit(*c)?).filter(|d| *d > 0).or(None),
        }
    }
    sum.checked_add(open.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let a = Address::parse(text, &Places::default());
        [
            ("province", &a.province),
            ("city", &a.city),
            ("district", &a.district),
            ("town", &a.town),
            ("village", &a.village),
            ("road", &a.road),
            ("estate", &a.estate),
            ("lane", &a.lane),
            ("house", &a.house),
            ("group", &a.group),
            ("building", &a.building),
            ("unit", &a.unit),
            ("room", &a.room),
        ]
        .into_iter()
        .filter_map(|(name, part)| Some(format!("{name}={}", part.as_deref()?)))
        .collect::<Vec<_>>()
        .join(" ")
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (text, parts) in [
            (
                "江苏省镇江市京口区大市口街道中山东路12号香江花园3幢2单元301室",
                "province=江苏 city=镇江市 district=京口区 town=大市口街道 road=中山东路 estate=香江花园 house=12 building=3 unit=2 room=301",
            ),
            ("镇江市京口区某路１号 ２幢３０１", "city=镇江市 district=京口区 road=某路 house=1 building=2 room=301"),
            ("香江花园3-2-301", "estate=香江花园 building=3 unit=2 room=301"),
            ("香江花园十二栋三单元0301室", "estate=香江花园 building=12 unit=3 room=301"),
            ("五一路8号A座1502", "road=五一路 house=8 building=A room=1502"),
            ("丹徒区谷阳镇槐荫村五组18号", "district=丹徒区 town=谷阳镇 village=槐荫村 house=18 group=5"),
            ("丹徒区谷阳镇槐荫村村委会第五村民小组18号", "district=丹徒区 town=谷阳镇 village=槐荫村 house=18 group=5"),
            ("花山湾新村3#301", "estate=花山湾新村 building=3 room=301"),
            ("上海市徐汇区某某路100弄5号602室", "city=上海市 district=徐汇区 road=某某路 lane=100 house=5 room=602"),
            ("镇江新区三号路6号", "district=镇江新区 road=三号路 house=6"),
            ("江苏路5号", "road=江苏路 house=5"),
            ("中山路12号3号楼东单元201", "road=中山路 house=12 building=3 unit=东 room=201"),
            ("", ""),
        ] {
            assert_eq!(shown(text), parts, "{text}");
        }
    }

    #[test]
    fn numerals_are_numbers() {
        for (text, number) in [("十二", 12), ("三百零一", 301), ("二〇一", 201), ("两百", 200), ("百", 0)] {
            let chars: Vec<char> = text.chars().collect();
            assert_eq!(numeral(&chars), (number > 0).then_some(number), "{text}");
        }
    }
}
