//! The fixed words of a rule book, side by side.

use crate::program::{Entity, FlagSeverity, FollowUp, Relation};
use crate::surface::RuleBody;
use crate::words::Lang;
use crate::written::Part;

macro_rules! labels {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        /// A fixed word or sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Label {
            $($name,)*
        }

        impl Label {
            /// In a language.
            pub(super) const fn of(self, lang: Lang) -> &'static str {
                match self {
                    $(Self::$name => lang.pick($zh, $en),)*
                }
            }
        }
    };
}

labels! {
    Contents: "目录", "Contents";
    Schemes: "救助类别", "Schemes";
    Tests: "判定条件", "Tests";
    Variables: "计算项", "Variables";
    Facts: "数据事实", "Facts";
    Flags: "疑点", "Flags";
    Parameters: "参数", "Parameters";
    Inputs: "申报与登记项", "Inputs";
    Datasets: "数据集", "Datasets";
    Score: "评分", "Score";
    Glossary: "名称对照", "Glossary of names";
    Pack: "规则包", "Pack";
    Area: "适用地区", "Area";
    Everywhere: "各地", "everywhere";
    InForce: "施行", "In force";
    Version: "版本", "Version";
    Hash: "内容哈希", "Content hash";
    Extends: "沿用", "Extends";
    AsOf: "参数截至", "Parameters as of";
    Counts: "规模", "Size";
    Cite: "依据", "Clause";
    Place: "位置", "Place";
    UsedBy: "用于", "Used by";
    Example: "实例", "Worked example";
    Own: "本包", "this pack";
    InheritedFrom: "沿用自", "inherited from";
    Replaces: "本包替换", "replaces the rule of";
    OfHousehold: "每户一值", "one value per household";
    OfPerson: "每人一值", "one value per person";
    Records: "取自", "From";
    AllRecords: "全部记录", "all records";
    Severity: "等级", "Severity";
    FollowUp: "处理", "Follow-up";
    Evidence: "证据", "Evidence";
    Order: "次序", "Order";
    Name: "名称", "Name";
    Title: "标题", "Title";
    Kind: "类别", "Kind";
    Type: "单位", "Unit";
    Entity: "归属", "Of";
    Household: "家庭", "household";
    Person: "人员", "person";
    Blank: "空白时", "When blank";
    Unknown: "未知", "unknown";
    None: "视为没有", "there is none";
    Codes: "代码", "Codes";
    Residence: "城乡", "Residence";
    From: "自", "From";
    Until: "至", "Until";
    Value: "值", "Value";
    State: "状态", "State";
    Current: "现行", "in force";
    Coming: "将生效", "to come";
    Past: "行已失效，未列出", "rows have ended and are not listed";
    NoRow: "本日没有适用的行", "no row holds on this day";
    SeeTable: "行，见参数表", "rows, see the parameter";
    AnyKey: "任意", "any";
    Column: "字段", "Column";
    Parameter: "参数", "Parameter";
    Input: "登记项", "Input";
    Fact: "事实", "Fact";
    Variable: "计算项", "Variable";
    Test: "条件", "Test";
    Flag: "疑点", "Flag";
    Scheme: "救助类别", "Scheme";
    Given: "已知", "Given";
    Result: "结果", "Result";
    PartsOf: "其中", "From";
    NoExample: "本包案例未涉及。", "No case of this pack reaches it.";
    Note: "编者注", "Author's note";
    FirstText: "起初", "At first";
    Gap: "未公布", "not published";
    GapAtLeast: "不少于", "at least";
    GapAtMost: "不多于", "at most";
    Each: "其后每增 1，另加", "for each further one plus";
    Published: "公布为", "published as";
    ConfirmBy: "确认至", "confirmed until";
    Fallback: "没有适用的行时按", "Where no row holds";
    Exemption: "此为有期限的豁免。", "This is an exemption for a time.";
    MarginalScale: "分级累进：各级的比率只用于落在该级内的部分，合计后四舍五入一次。", "A marginal scale: each rate applies to the part inside its bracket; the sum is rounded once.";
    SingleScale: "按级取额：取数值所在一级的金额。", "A scale of single amounts: the amount of the bracket that the value lies in.";
    OneByOne: "逐人认定", "found for each member alone";
    NextChange: "下次变动", "Next change";
}

/// What a rule is.
pub(super) const fn kind(body: &RuleBody) -> Label {
    match body {
        RuleBody::Parameter { .. } => Label::Parameter,
        RuleBody::Input { .. } => Label::Input,
        RuleBody::Fact { .. } => Label::Fact,
        RuleBody::Variable { .. } => Label::Variable,
        RuleBody::Test { .. } => Label::Test,
        RuleBody::Flag { .. } => Label::Flag,
        RuleBody::Scheme { .. } => Label::Scheme,
        RuleBody::Score { .. } => Label::Score,
    }
}

/// What a formula of a rule is for.
pub(super) const fn part(lang: Lang, part: Part) -> &'static str {
    let (zh, en) = match part {
        Part::Where => ("只计", "Counts records where"),
        Part::Value => ("取值", "Value"),
        Part::Limit(Relation::Below) => ("低于", "Below"),
        Part::Limit(Relation::AtMost) => ("不高于", "At most"),
        Part::Limit(Relation::Above) => ("高于", "Above"),
        Part::Limit(Relation::AtLeast) => ("不低于", "At least"),
        Part::Formula => ("含义", "Meaning"),
        Part::When => ("条件", "When"),
        Part::Declared => ("申报", "Declared"),
        Part::Found => ("查得", "Found"),
        Part::Amount => ("金额", "Amount"),
        Part::Until => ("截止日", "Until"),
        Part::RecheckMonths => ("核查间隔（月）", "Months between rechecks"),
    };
    lang.pick(zh, en)
}

/// Whose value it is.
pub(super) const fn entity(entity: Entity) -> Label {
    match entity {
        Entity::Household => Label::OfHousehold,
        Entity::Person => Label::OfPerson,
    }
}

/// How grave a flag is.
pub(super) const fn severity(lang: Lang, severity: FlagSeverity) -> &'static str {
    lang.pick(severity.zh(), severity.as_str())
}

/// What to do about a flag.
pub(super) const fn follow_up(lang: Lang, follow_up: FollowUp) -> &'static str {
    let en = match follow_up {
        FollowUp::Desk => "recheck at the desk",
        FollowUp::Visit => "home visit",
        FollowUp::Proof => "ask for proof",
        FollowUp::Recompute => "compute again",
        FollowUp::StopPayment => "propose to stop payment",
        FollowUp::Lead => "lead in the citizen's favour",
    };
    lang.pick(follow_up.zh(), en)
}

/// The topic that a file of a pack is about, by its usual names.
pub(super) fn topic(lang: Lang, stem: &str) -> String {
    let known = match stem {
        "income" => ("收入", "Income"),
        "assets" => ("财产", "Assets"),
        "household" => ("家庭成员", "Household"),
        "obligors" => ("赡养、抚养、扶养义务人", "Legal obligors"),
        "schemes" => ("救助类别", "Schemes"),
        "facts" => ("数据事实", "Facts"),
        "flags" => ("疑点", "Flags"),
        "expenditure" => ("支出", "Expenditure"),
        "deductions" => ("扣减", "Deductions"),
        "rules" => ("规则", "Rules"),
        _ => return stem.to_owned(),
    };
    lang.pick(known.0, known.1).to_owned()
}
