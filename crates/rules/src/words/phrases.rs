//! The turns of phrase of both languages, side by side.

use super::line::{Lang, Line};

macro_rules! phrases {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        /// A turn of phrase; `{0}`, `{1}` are where its parts go.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Phrase {
            $($name,)*
        }

        impl Phrase {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name,)*];

            const fn template(self, lang: Lang) -> &'static str {
                match self {
                    $(Self::$name => lang.pick($zh, $en),)*
                }
            }
        }
    };
}

phrases! {
    // Arithmetic
    Add: "{0}+{1}", "{0} + {1}";
    Sub: "{0}−{1}", "{0} − {1}";
    Mul: "{0}×{1}", "{0} × {1}";
    Div: "{0}÷{1}", "{0} ÷ {1}";
    Neg: "−{0}", "−{0}";
    Brackets: "（{0}）", "({0})";
    Abs: "{0}的绝对值", "the magnitude of {0}";
    LessOfTwo: "{0}与{1}中的较小者", "the lesser of {0} and {1}";
    GreaterOfTwo: "{0}与{1}中的较大者", "the greater of {0} and {1}";
    LeastOf: "{0}中的最小者", "the least of {0}";
    GreatestOf: "{0}中的最大者", "the greatest of {0}";
    RoundWhole: "{0}四舍五入到整数", "{0} rounded to a whole number";
    RoundYuan: "{0}四舍五入到元", "{0} rounded to the yuan";
    RoundDigits: "{0}四舍五入到{1}位小数", "{0} rounded to {1} decimals";
    RoundTo: "{0}四舍五入到{1}的整倍数", "{0} rounded to the nearest multiple of {1}";
    RoundEven: "{0}四舍六入五成双到{1}的整倍数", "{0} rounded to the nearest multiple of {1}, halves to the even one";
    RoundHalfDown: "{0}五舍六入到{1}的整倍数", "{0} rounded to the nearest multiple of {1}, halves down";
    FloorTo: "{0}向下取到{1}的整倍数", "{0} rounded down to a multiple of {1}";
    CeilTo: "{0}向上取到{1}的整倍数", "{0} rounded up to a multiple of {1}";
    ZeroTo: "{0}去尾取到{1}的整倍数", "{0} cut to a multiple of {1}";
    AwayTo: "{0}进一取到{1}的整倍数", "{0} rounded away from zero to a multiple of {1}";
    Whole: "{0}取整", "{0} as a whole number";
    Assume: "{0}（未知时按{1}计，理由：{2}）", "{0} (while unknown, {1} is assumed: {2})";

    // Comparison
    LessMoney: "{0}低于{1}", "{0} is below {1}";
    AtMostMoney: "{0}不高于{1}", "{0} is at most {1}";
    MoreMoney: "{0}高于{1}", "{0} is above {1}";
    AtLeastMoney: "{0}不低于{1}", "{0} is at least {1}";
    LessCount: "{0}少于{1}", "{0} is less than {1}";
    AtMostCount: "{0}不多于{1}", "{0} is at most {1}";
    MoreCount: "{0}多于{1}", "{0} is more than {1}";
    AtLeastCount: "{0}不少于{1}", "{0} is at least {1}";
    Before: "{0}早于{1}", "{0} is before {1}";
    NotAfter: "{0}不晚于{1}", "{0} is not after {1}";
    After: "{0}晚于{1}", "{0} is after {1}";
    NotBefore: "{0}不早于{1}", "{0} is not before {1}";
    Equal: "{0}等于{1}", "{0} equals {1}";
    Unequal: "{0}不等于{1}", "{0} does not equal {1}";
    Is: "{0}为{1}", "{0} is {1}";
    IsNot: "{0}不为{1}", "{0} is not {1}";
    OneOf: "{0}为{1}之一", "{0} is one of {1}";
    NoneOf: "{0}不在{1}之列", "{0} is none of {1}";
    Within: "{0}在{1}至{2}之间（含两端）", "{0} is between {1} and {2}, both included";
    Outside: "{0}不在{1}至{2}之间", "{0} is not between {1} and {2}";
    Absent: "没有{0}", "there is no {0}";
    Present: "有{0}", "there is a {0}";

    // Conditions
    Holds: "满足{0}", "{0} holds";
    Fails: "不满足{0}", "{0} does not hold";
    Yes: "{0}为是", "{0} is yes";
    No: "{0}为否", "{0} is no";
    Always: "总是成立", "always";
    Never: "总不成立", "never";
    Not: "并非（{0}）", "not ({0})";
    AllOf: "以下各项同时成立：", "All of these hold:";
    AnyOf: "以下任一项成立：", "Any of these holds:";
    NotAllOf: "以下各项不同时成立：", "Not all of these hold:";
    NoneHold: "以下各项都不成立：", "None of these holds:";
    MemberYes: "本人为共同生活成员", "the person is a counted member";
    MemberNo: "本人不是共同生活成员（即义务人）", "the person is not a counted member (an obligor)";
    IfShort: "若{0}则为{1}", "{1} if {0}";
    ElseShort: "{0}，否则为{1}", "{0}, else {1}";
    CaseList: "按顺序取第一个符合的情形：", "The first that applies:";
    IfLine: "若{0}：{1}", "if {0}: {1}";
    IfLead: "若{0}：", "if {0}:";
    ElseLine: "其余情形：{0}", "otherwise: {0}";
    ElseLead: "其余情形：", "otherwise:";
    LeastList: "以下各项中的最小者：", "The least of:";
    GreatestList: "以下各项中的最大者：", "The greatest of:";
    LesserList: "以下两项中的较小者：", "The lesser of:";
    GreaterList: "以下两项中的较大者：", "The greater of:";
    SumList: "以下各项依次加减：", "These added up:";
    Plus: "加：{0}", "plus {0}";
    Minus: "减：{0}", "less {0}";

    // People
    OfHousehold: "家庭的{0}", "the household's {0}";
    Members: "共同生活成员人数", "the number of counted members";
    Obligors: "义务人人数", "the number of obligors";
    MembersWho: "{0}的成员人数", "the number of members for whom {0}";
    ObligorsWho: "{0}的义务人人数", "the number of obligors for whom {0}";
    MemberSum: "全体成员的{0}之和", "the sum of {0} over the members";
    ObligorSum: "全体义务人的{0}之和", "the sum of {0} over the obligors";
    MemberSumWho: "（{1}的）成员的{0}之和", "the sum of {0} over the members for whom {1}";
    ObligorSumWho: "（{1}的）义务人的{0}之和", "the sum of {0} over the obligors for whom {1}";
    MemberLeast: "各成员{0}中的最小值", "the least {0} of the members";
    ObligorLeast: "各义务人{0}中的最小值", "the least {0} of the obligors";
    MemberGreatest: "各成员{0}中的最大值", "the greatest {0} of the members";
    ObligorGreatest: "各义务人{0}中的最大值", "the greatest {0} of the obligors";
    MemberMean: "各成员{0}的平均值", "the mean {0} of the members";
    ObligorMean: "各义务人{0}的平均值", "the mean {0} of the obligors";
    MemberDistinct: "各成员不同的{0}个数", "the number of different {0} among the members";
    ObligorDistinct: "各义务人不同的{0}个数", "the number of different {0} among the obligors";
    MemberCount: "有{0}的成员人数", "the number of members with {0}";
    ObligorCount: "有{0}的义务人人数", "the number of obligors with {0}";
    AnyMember: "至少一名成员{0}", "for at least one member {0}";
    AnyObligor: "至少一名义务人{0}", "for at least one obligor {0}";
    EveryMember: "每一名成员都{0}", "for every member {0}";
    EveryObligor: "每一名义务人都{0}", "for every obligor {0}";
    OnlyWho: "{0}（只计{1}的人）", "{0} (counting only those for whom {1})";

    // Records
    Sum: "{0}之和", "the sum of {0}";
    Least: "最小的{0}", "the least {0}";
    Greatest: "最大的{0}", "the greatest {0}";
    Mean: "{0}的平均值", "the mean {0}";
    Records: "记录条数", "the number of records";
    Distinct: "不同{0}的个数", "the number of different {0}";
    Count: "有{0}的记录条数", "the number of records with {0}";
    AnyRecord: "至少一条记录{0}", "for at least one record {0}";
    EveryRecord: "每一条记录都{0}", "for every record {0}";
    OnlyWhere: "{0}（只计{1}的记录）", "{0} (counting only records where {1})";
    MonthFirst: "按月合计{0}，取最早一月", "the earliest monthly sum of {0}";
    MonthLast: "按月合计{0}，取最近一月", "the latest monthly sum of {0}";
    MonthMax: "按月合计{0}，取最大一月", "the largest monthly sum of {0}";
    MonthMin: "按月合计{0}，取最小一月", "the smallest monthly sum of {0}";

    // Time
    AsOf: "核对日", "the day of the check";
    Age: "按{0}计的周岁", "the age by {0}";
    MonthsBetween: "从{0}到{1}的月数", "the months from {0} to {1}";
    DaysBetween: "从{0}到{1}的天数", "the days from {0} to {1}";
    MonthOf: "{0}所在月份", "the month of {0}";
    MonthsAfter: "{0}之后{1}个月", "{1} months after {0}";
    MonthsBefore: "{0}之前{1}个月", "{1} months before {0}";
    DaysAfter: "{0}之后{1}天", "{1} days after {0}";
    DaysBefore: "{0}之前{1}天", "{1} days before {0}";
    Months: "{0}个月", "{0} months";
    Days: "{0}天", "{0} days";
    InLastMonths: "{0}在{2}所在月份之前的{1}个月内", "{0} lies in the {1} months before the month of {2}";

    // Money and its periods
    PerMonth: "{0}折合每月", "{0} as an amount a month";
    PerMonthOf: "{0}按{1}个月平均的每月数额", "{0} spread over {1} months, a month";
    PerYear: "{0}折合每年", "{0} as an amount a year";
    OverMonths: "{1}个月的{0}", "{0} for {1} months";
    Spread: "{0}均摊到每月（依据：{1}）", "a twelfth of {0} a month (by {1})";
    Scale: "{0}按{1}分级计算的数额", "{1} applied to {0}";
    Keyed: "{0}（{1}）", "{0} ({1})";
    ByKey: "按{0}", "by {0}";
    Yuan: "{0} 元", "{0} yuan";
    SquareMetres: "{0} 平方米", "{0} m²";

    // Parts of rules
    Residence: "城乡类别", "the kind of residence";
    Urban: "城镇", "urban";
    Rural: "农村", "rural";
    True: "是", "yes";
    False: "否", "no";
    AmountOf: "{0}的金额", "the amount of {0}";
    ValueOf: "{0}所比较的数值", "the value compared in {0}";
    LimitOf: "{0}的限额", "the limit of {0}";
    PartOf: "{0}（{1}）", "{0} ({1})";
    Call: "{0}（{1}）", "{0}({1})";
}

impl Phrase {
    /// The phrase with its parts in place.
    pub(super) fn of(self, lang: Lang, parts: &[Line]) -> Line {
        Line::fill(self.template(lang), parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_use_the_same_parts() {
        for phrase in Phrase::ALL {
            let parts = |lang| {
                let template = phrase.template(lang);
                let mut parts: Vec<&str> = template.split('{').skip(1).filter_map(|p| p.split('}').next()).collect();
                parts.sort_unstable();
                parts
            };
            assert_eq!(parts(Lang::Zh), parts(Lang::En), "{phrase:?}");
        }
    }
}
