//! The program of a typed pack in which nothing is wrong.

use super::{Flag, Input, PackInfo, Parameter, PersonScheme, Program, Rule, RuleVersion, Scheme, Step, Test};
use crate::resolved::{self, Node};
use crate::typed;

/// Puts the parts together; none if any part is missing, which only happens where a mistake was reported.
pub(crate) fn from_typed(pack: &resolved::Pack, typed: typed::Pack, hash: String) -> Option<Program> {
    let id = |node: Node| typed.ids[node.0];
    let optional = |node: Option<Node>| match node {
        Some(node) => id(node).map(Some),
        None => Some(None),
    };
    let step = |node: &Node| {
        let step = &pack.steps[node.0];
        Some(Step {
            name: step.name.value.clone(),
            entity: step.entity?,
            ty: typed.types[node.0]?,
            kind: typed.kinds[node.0].clone()?,
            rule: Rule {
                title: step.title.clone(),
                title_en: step.title_en.clone(),
                cite: step.cite.clone(),
                file: step.spot.file.name.clone(),
                line: step.spot.line(),
                text: step.text.clone(),
                versions: step.versions.iter().map(version).collect(),
            },
        })
    };
    let test = |test: &resolved::Test| {
        let of = &pack.steps[test.result.0];
        Some(Test {
            name: test.name.clone(),
            title: of.title.clone(),
            title_en: of.title_en.clone(),
            entity: of.entity?,
            value: id(test.limit.map_or(test.result, |(value, ..)| value))?,
            limit: optional(test.limit.map(|(.., limit)| limit))?,
            relation: test.limit.map(|(_, relation, _)| relation),
            result: id(test.result)?,
            cite: of.cite.clone(),
        })
    };
    let flag = |flag: &resolved::Flag| {
        let of = &pack.steps[flag.when.0];
        let evidence = flag.evidence.iter().map(|dataset| {
            typed.datasets.iter().position(|d| d.name == dataset.name).map(|i| super::DatasetId(i as u32))
        });
        Some(Flag {
            id: flag.name.clone(),
            title: of.title.clone(),
            title_en: of.title_en.clone(),
            entity: of.entity?,
            when: id(flag.when)?,
            declared: optional(flag.declared)?,
            found: optional(flag.found)?,
            severity: flag.severity?,
            follow_up: flag.follow_up?,
            evidence: evidence.collect::<Option<_>>()?,
            cite: of.cite.clone()?,
        })
    };
    let scheme = |scheme: &resolved::Scheme| {
        let of = &pack.steps[scheme.when.0];
        Some(Scheme {
            id: scheme.name.clone(),
            title: of.title.clone(),
            title_en: of.title_en.clone(),
            order: scheme.order,
            when: id(scheme.when)?,
            amount: optional(scheme.amount)?,
            recheck_months: optional(scheme.recheck_months)?,
            until: optional(scheme.until)?,
            persons: match &scheme.persons {
                None => None,
                Some(of) => {
                    Some(PersonScheme { when: id(of.when)?, amount: optional(of.amount)?, until: optional(of.until)? })
                }
            },
            cite: of.cite.clone(),
        })
    };
    let input = |input: &resolved::Input| {
        Some(Input {
            name: input.name.value.clone(),
            entity: input.entity?,
            spec: input.spec.clone()?,
            default: input.default.clone(),
        })
    };
    let parameter = |parameter: &resolved::Parameter| {
        Some(Parameter {
            name: parameter.name.value.clone(),
            title: parameter.title.clone(),
            title_en: parameter.title_en.clone(),
            ty: parameter.ty?,
            keys: parameter.keys.iter().map(|k| k.name.clone()).collect(),
            bounds: parameter.bounds,
            exemption: parameter.exemption,
            fallback: parameter.fallback.clone(),
            scale: parameter.scale,
            rows: parameter.rows.clone(),
            file: parameter.name.spot.file.name.clone(),
            line: parameter.name.spot.line(),
        })
    };
    let head = &pack.head;
    Some(Program {
        pack: PackInfo {
            id: head.id.clone(),
            version: head.version.clone(),
            hash,
            area: head.area,
            title: head.title.zh.clone(),
            title_en: head.title.en.clone(),
            from: head.from,
            until: head.until,
            extends: pack.extends.clone(),
        },
        inputs: pack.inputs.iter().map(input).collect::<Option<_>>()?,
        parameters: pack.parameters.iter().map(parameter).collect::<Option<_>>()?,
        steps: typed.order.iter().map(step).collect::<Option<_>>()?,
        tests: pack.tests.iter().map(test).collect::<Option<_>>()?,
        flags: pack.flags.iter().map(flag).collect::<Option<_>>()?,
        schemes: pack.schemes.iter().map(scheme).collect::<Option<_>>()?,
        score: optional(pack.score)?,
        datasets: typed.datasets,
    })
}

fn version(version: &resolved::StepVersion) -> RuleVersion {
    RuleVersion {
        from: version.from,
        cite: version.cite.clone(),
        file: version.spot.file.name.clone(),
        line: version.spot.line(),
        text: version.text.clone(),
    }
}
