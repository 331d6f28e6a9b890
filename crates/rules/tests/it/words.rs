//! Formulas in words: every turn of phrase once, and nothing left out of any formula of any pack that is shipped.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hedui_base::{Catalogue, ColumnType, SourceText};
use hedui_rules::surface::{Expr, ExprKind, RuleBody, parse_formula};
use hedui_rules::words::{Lang, Speaker};
use hedui_rules::written::Part;
use hedui_rules::{Library, PackFolder, Program};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn catalogue(dir: &str) -> Catalogue {
    let files: Vec<_> = std::fs::read_dir(root().join(dir))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .map(|path| SourceText::new(path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    Catalogue::parse(&files).unwrap()
}

fn county() -> std::sync::Arc<Program> {
    let pack = PackFolder::read(&root().join("fixtures/rules/book/new/county")).unwrap();
    Library::new(vec![pack], catalogue("fixtures/rules/datasets")).compile("county").unwrap()
}

fn parsed(text: &str) -> Expr {
    let quoted = format!("'''{text}'''");
    let mut mistakes = Vec::new();
    let formula = parse_formula(&SourceText::new("", quoted.as_str()), 0..quoted.len(), text, &mut mistakes);
    assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
    formula.expr
}

#[test]
fn every_turn_of_phrase() {
    let program = county();
    let mut said = String::new();
    for text in [
        "income - (standard - 10) - 5",
        "income / (size * 2)",
        "-income * 1.5",
        "LEAST(income, 100)",
        "GREATEST(income, standard, 0)",
        "ROUND(income)",
        "ROUND(income / standard, 2)",
        "ROUND_TO(income, 10)",
        "ROUND_TO(income + 1, 10, 'half_even')",
        "ROUND_TO(income, 10, 'down')",
        "FLOOR_TO(income, 1)",
        "WHOLE(income / standard, 'up')",
        "ABS(income - standard)",
        "ASSUME(income, 0, '按申报')",
        "PER_MONTH(income, 12)",
        "PER_YEAR(standard)",
        "SPREAD(income, '细则第八条')",
        "OVER_MONTHS(standard, 36)",
        "ADD_MONTHS(as_of, size)",
        "as_of - INTERVAL '12' MONTH",
        "AGE(as_of)",
        "MONTHS_BETWEEN(as_of, MONTH(as_of))",
        "COUNT(member.*) FILTER (WHERE member.wage > 0)",
        "SUM(member.wage) FILTER (WHERE member.relation IN ('self', 'spouse'))",
        "MAX(obligor.wage)",
        "AVG(member.wage * 2)",
        "COUNT(DISTINCT member.relation)",
        "CASE residence WHEN 'urban' THEN 1 WHEN 'rural' THEN 2 ELSE 0 END",
        "dibao.amount",
        "poor.value + poor.limit",
        "unheard_of(income, 3)",
        "MONTH_LAST(wage, as_of) FILTER (WHERE wage > 0)",
    ] {
        let expr = parsed(text);
        let (zh, en) = (Speaker::new(&program, Lang::Zh), Speaker::new(&program, Lang::En));
        said.push_str(&format!("{text}\n  {}\n  {}\n", zh.line(&expr, None), en.line(&expr, None)));
    }
    for text in [
        "NOT (poor AND NOT is_member) OR relation <> 'child'",
        "income BETWEEN 0 AND standard",
        "wage NOT BETWEEN 1 AND 2",
        "declared_vehicle_count IS NULL AND wage IS NOT NULL",
        "BOOL_OR(member.wage > 0 AND member.relation = 'self')",
        "BOOL_AND(member.is_member)",
        "IN_LAST_MONTHS(as_of, 6)",
        "IN_LAST_MONTHS(as_of, 6, as_of)",
        "as_of >= DATE '2026-07-01'",
        "size <= 3 AND income >= 100.50",
        "residence = 'urban' AND TRUE",
        "household.poor AND NOT household.dibao",
    ] {
        let expr = parsed(text);
        let (zh, en) = (Speaker::new(&program, Lang::Zh), Speaker::new(&program, Lang::En));
        let bool = Some(ColumnType::Bool);
        said.push_str(&format!("{text}\n  {}\n  {}\n", zh.line(&expr, bool), en.line(&expr, bool)));
    }
    insta::assert_snapshot!("words", said);
}

/// What the words of an expression must mention: names and numbers, in the order of nothing.
fn parts(expr: &Expr, names: &mut BTreeSet<String>, numbers: &mut BTreeSet<String>) {
    match &expr.kind {
        ExprKind::Name(parts) => {
            let whose = parts.len() > 1 && ["member", "obligor", "household"].contains(&parts[0].as_str());
            names.insert(parts[usize::from(whose)].clone());
        }
        ExprKind::Number(number) => _ = numbers.insert(number.normalize().to_string().replace('-', "")),
        _ => {}
    }
    expr.children().into_iter().for_each(|child| parts(child, names, numbers));
}

#[test]
fn nothing_is_left_out_of_any_formula_that_is_shipped() {
    let packs: Vec<PackFolder> = std::fs::read_dir(root().join("rules"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("pack.toml").is_file())
        .map(|path| PackFolder::read(&path).unwrap())
        .collect();
    let library = Library::new(packs, catalogue("connectors/datasets"));
    let ids: Vec<String> = library.ids().into_iter().map(str::to_owned).collect();
    let mut seen = 0;
    for id in ids {
        let Some(program) = library.check(&id).program else { continue };
        for rule in library.written(&id) {
            for (part, formula) in rule.all_formulas() {
                for lang in [Lang::Zh, Lang::En] {
                    let mut speaker = Speaker::new(&program, lang);
                    let mut columns = BTreeSet::new();
                    if let RuleBody::Fact { from: Some(from), .. } = &rule.rule.body {
                        speaker = speaker.over(&from.value);
                        let dataset = program.datasets.iter().find(|d| d.name == from.value).unwrap();
                        columns.extend(dataset.columns.iter().map(|c| c.name.clone()));
                    }
                    let ty = (part == Part::Where).then_some(ColumnType::Bool);
                    let words = speaker.words(&formula.expr, ty).to_string();
                    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
                    parts(&formula.expr, &mut names, &mut numbers);
                    for name in names.iter().filter(|name| !columns.contains(*name)) {
                        let title = speaker.title_of(name);
                        let known =
                            ["as_of", "residence", "is_member"].contains(&name.as_str()) || words.contains(&title);
                        let month = name == "month";
                        assert!(known || month, "{id} {}: {name} ({title}) is missing in {words}", rule.name());
                    }
                    for number in numbers {
                        assert!(words.contains(&number), "{id} {}: {number} is missing in {words}", rule.name());
                    }
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 500, "only {seen} formulas");
}
