//! Chinese and English titles stay with everything that a reader of the pack sees.

use hedui_base::Catalogue;
use hedui_rules::{Library, PackFolder};

const RULES: &str = r#"
[pack]
id = "p"
version = "1"
from = 2026-01-01
title = { zh = "包", en = "Pack" }

[parameter.limit]
type = "int"
value = 3
from = 2026-01-01
cite = "[demo]"
title = { zh = "限", en = "Limit" }

[input.receives]
entity = "household"
type = "bool"
title = { zh = "在享", en = "Receives aid" }
means = "receipt"

[test.small]
value = "COUNT(member.*)"
at_most = "limit"
title = { zh = "小家庭", en = "Small household" }

[flag.F1]
entity = "household"
when = "receives AND NOT small"
severity = "high"
follow_up = "desk"
evidence = []
cite = "[design]"
title = { zh = "疑点", en = "Doubt" }

[scheme.aid]
order = 1
when = "small"
title = "救助"
"#;

#[test]
fn both_titles_are_in_the_program() {
    let pack = PackFolder::from_files("p", [("pack.toml".to_owned(), RULES.to_owned())]);
    // Rules may stand in pack.toml too.
    let checked = Library::new(vec![pack], Catalogue::default()).check("p");
    assert_eq!(checked.diagnostics, []);
    let program = checked.program.unwrap();
    let titles = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
    assert_eq!((program.pack.title.clone(), program.pack.title_en.clone()), titles("包", "Pack"));
    let parameter = &program.parameters[0];
    assert_eq!((parameter.title.clone(), parameter.title_en.clone()), titles("限", "Limit"));
    assert_eq!(program.inputs[0].spec.title.en, "Receives aid");
    let test = &program.tests[0];
    assert_eq!((test.title.clone(), test.title_en.clone()), titles("小家庭", "Small household"));
    let rule = &program.steps[test.result.index()].rule;
    assert_eq!((rule.title.clone(), rule.title_en.clone()), titles("小家庭", "Small household"));
    assert_eq!(program.flags[0].title_en, "Doubt");
    assert_eq!((program.schemes[0].title.clone(), program.schemes[0].title_en.clone()), titles("救助", ""));
}
