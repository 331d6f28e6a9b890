//! One case as bytes and back. What is usual (nothing declared, a fact of zero, no record) takes no room.

use std::sync::Arc;

use hedui_base::{AreaCode, Outcome, PersonKey, SourceId, Tri};
use hedui_rules::Program;
use hedui_rules::program::Input;

use super::bytes::{Reader, Writer};
use super::shape::{Shape, owners};
use super::{Datum, Stored, StoredError, StoredSetting};
use crate::given::FreeCell;
use crate::input::Role;
use crate::interval::Span;
use crate::output::Reason;
use crate::reasons::Why;
use crate::register::{Presence, Slot};

const VERSION: u8 = 1;
const RESIDENCES: [&str; 2] = ["urban", "rural"];
/// Stable words beside the outcomes; new ones are added at the end.
const CAUSES: [&str; 6] = ["not_asked", "no_source", "null", "division_by_zero", "gap", "spread"];

const NONE: u8 = 1;
const TEXT: u8 = 2;
const NUMBER: u8 = 0;
const OPEN: u8 = 8;

/// What a fact's cell is in most cases.
pub(super) const fn usual_slot(is_number: bool) -> Slot {
    if is_number { Slot::known(0) } else { Slot::NONE }
}

fn usual(is_number: bool) -> FreeCell {
    FreeCell { slot: usual_slot(is_number), reasons: Vec::new(), text: None }
}

pub(super) fn encode(program: &Program, setting: &StoredSetting, shape: &Shape, stored: &Stored) -> Vec<u8> {
    let mut out = Writer::default();
    encode_head(&mut out, stored.area, stored.residence.as_deref(), stored.people.iter().copied());
    for (input, values) in program.inputs.iter().zip(&stored.inputs) {
        values.iter().for_each(|value| encode_input(&mut out, input, value.as_ref()));
    }
    out.end();
    let mut runs = OutcomeRuns::default();
    for outcome in stored.outcomes.iter().flatten() {
        runs.push(&mut out, outcome.map_or(u8::MAX, Outcome::code));
    }
    runs.end(&mut out);
    let mut sets: Vec<Vec<Reason>> = Vec::new();
    for ((step, _), cells) in shape.facts.iter().zip(&stored.facts) {
        let definition = &program.steps[*step];
        if cells.is_empty() {
            (0..owners(definition.entity, stored.people.len())).for_each(|_| out.usual());
            continue;
        }
        let usual = usual(definition.ty.is_int());
        for cell in cells {
            if *cell == usual {
                out.usual();
                continue;
            }
            out.unusual();
            encode_cell(&mut out, setting, cell, &mut sets);
        }
    }
    out.end();
    stored.records.iter().flatten().for_each(|count| encode_count(&mut out, *count));
    out.end();
    for sum in stored.checksums.iter().filter(|sum| **sum != 0) {
        out.bytes.extend_from_slice(&sum.to_le_bytes());
    }
    for masks in stored.counted.iter().flatten().filter(|masks| !masks.is_empty()) {
        encode_masks(&mut out, masks);
    }
    out.end();
    out.bytes
}

/// Version, place and people.
pub(super) fn encode_head(
    out: &mut Writer,
    area: AreaCode,
    residence: Option<&str>,
    people: impl ExactSizeIterator<Item = (PersonKey, Role)>,
) {
    out.byte(VERSION);
    out.text(&area.to_string());
    match residence.and_then(|word| RESIDENCES.iter().position(|known| *known == word)) {
        Some(known) => out.byte(2 + known as u8),
        None => {
            out.byte(u8::from(residence.is_some()));
            residence.into_iter().for_each(|word| out.text(word));
        }
    }
    out.number(people.len() as u64);
    let mut before = 0;
    for (key, role) in people {
        let key = i64::from(key.0);
        out.signed((key - before) * 2 + i64::from(role == Role::Obligor));
        before = key;
    }
}

/// How sources answered, by source and owner, as runs.
#[derive(Default)]
pub(super) struct OutcomeRuns {
    last: u8,
    length: u64,
}

impl OutcomeRuns {
    /// Takes the code of an outcome; anything that is none for a pair that was not asked.
    pub(super) fn push(&mut self, out: &mut Writer, code: u8) {
        let code = if usize::from(code) < Outcome::ALL.len() { code + 1 } else { 0 };
        if code != self.last || self.length == 0 {
            self.end(out);
            self.last = code;
        }
        self.length += 1;
    }

    /// Takes the codes of some pairs.
    pub(super) fn extend(&mut self, out: &mut Writer, codes: &[u8]) {
        if self.length > 0 && codes.iter().all(|code| code.wrapping_add(1) == self.last) {
            self.length += codes.len() as u64;
        } else {
            codes.iter().for_each(|code| self.push(out, *code));
        }
    }

    /// Writes the last run.
    pub(super) fn end(&mut self, out: &mut Writer) {
        if self.length > 0 {
            out.byte(self.last);
            out.number(self.length);
        }
        self.length = 0;
    }
}

/// How many records an owner has.
pub(super) fn encode_count(out: &mut Writer, count: usize) {
    if count == 0 {
        out.usual();
    } else {
        out.unusual();
        out.number(count as u64);
    }
}

/// Which of an owner's records, of which there are some, a fact counted.
pub(super) fn encode_masks(out: &mut Writer, masks: &[Tri]) {
    if masks.iter().all(|tri| *tri == Tri::Met) {
        out.usual();
        return;
    }
    if masks.iter().all(|tri| *tri == Tri::NotMet) {
        return encode_none_counted(out);
    }
    out.unusual();
    for four in masks.chunks(4) {
        let two = |(i, tri): (usize, &Tri)| (*tri as u8) << (2 * i);
        out.byte(four.iter().enumerate().map(two).fold(0, |byte, bits| byte | bits));
    }
}

/// The same where none of them was.
pub(super) fn encode_none_counted(out: &mut Writer) {
    out.unusual();
    out.byte(0xff);
}

/// The same of at most 64 records that are counted or not for certain: a bit for each, from the lowest on.
pub(super) fn encode_settled_bits(out: &mut Writer, counted: u64, records: usize) {
    if counted == u64::MAX >> (64 - records) {
        return out.usual();
    }
    if counted == 0 {
        return encode_none_counted(out);
    }
    out.unusual();
    for from in (0..records).step_by(4) {
        // Each takes two bits, of which the lower says it.
        let four = counted >> from & 0b1111;
        let two = (four | four << 2) & 0b0011_0011;
        out.byte(((two | two << 1) & 0b0101_0101) as u8);
    }
}

/// A known number.
pub(super) fn encode_number(out: &mut Writer, number: i64) {
    out.byte(NUMBER);
    out.signed(number);
}

pub(super) fn encode_input(out: &mut Writer, input: &Input, value: Option<&Datum>) {
    let Some(value) = value else {
        out.usual();
        return;
    };
    out.unusual();
    match value {
        Datum::Int(number) => out.signed(*number),
        Datum::Text(text) => encode_text(out, input.spec.codes.keys().position(|code| *code == **text), text),
    }
}

/// A declared text: its place among the codes of its input, or itself.
pub(super) fn encode_text(out: &mut Writer, code: Option<usize>, text: &str) {
    match code {
        Some(code) => out.number(code as u64 + 1),
        None => {
            out.number(0);
            out.text(text);
        }
    }
}

/// `sets` are the sets of reasons that were written before.
pub(super) fn encode_cell(out: &mut Writer, setting: &StoredSetting, cell: &FreeCell, sets: &mut Vec<Vec<Reason>>) {
    let slot = cell.slot;
    if let Some(text) = &cell.text {
        out.byte(TEXT);
        out.text(text);
    } else if slot.presence == Presence::None {
        out.byte(NONE);
    } else if cell.is_known() {
        encode_number(out, slot.span.lo);
    } else {
        let (low, high) = (slot.span.lo == i64::MIN, slot.span.hi == i64::MAX);
        let maybe = slot.presence == Presence::Maybe;
        out.byte(OPEN | u8::from(maybe) | u8::from(low) << 1 | u8::from(high) << 2);
        if !low {
            out.signed(slot.span.lo);
        }
        if !high {
            out.signed(slot.span.hi);
        }
        match sets.iter().position(|set| *set == cell.reasons) {
            Some(known) => out.number(known as u64 + 1),
            None => {
                sets.push(cell.reasons.clone());
                out.number(0);
                encode_reasons(out, setting, &cell.reasons);
            }
        }
    }
}

fn encode_reasons(out: &mut Writer, setting: &StoredSetting, reasons: &[Reason]) {
    out.number(reasons.len() as u64);
    for reason in reasons {
        match setting.sources.iter().position(|(source, _)| *source == reason.source) {
            Some(known) => out.number(known as u64 + 1),
            None => {
                out.number(0);
                out.text(reason.source.as_str());
            }
        }
        let outcome = Outcome::ALL.iter().position(|outcome| outcome.as_str() == reason.cause);
        let other = || CAUSES.iter().position(|cause| *cause == reason.cause).map(|at| at + Outcome::ALL.len());
        match outcome.or_else(other) {
            Some(known) => out.byte(known as u8),
            // Read back as damaged: a cause belongs into the list.
            None => out.byte(u8::MAX),
        }
    }
}

pub(super) fn decode(
    program: &Program,
    setting: &StoredSetting,
    shape: &Shape,
    bytes: &[u8],
) -> Result<Stored, StoredError> {
    let mut from = Reader::new(bytes);
    match from.byte()? {
        VERSION => {}
        other => return Err(StoredError::Version(other)),
    }
    let area = AreaCode::parse(from.text()?).map_err(|_| StoredError::Damaged)?;
    let residence = match from.byte()? {
        0 => None,
        1 => Some(Arc::from(from.text()?)),
        known => Some(Arc::from(*RESIDENCES.get(usize::from(known) - 2).ok_or(StoredError::Damaged)?)),
    };
    let mut people = Vec::new();
    let mut before = 0i64;
    for _ in 0..from.count()? {
        let step = from.signed()?;
        before = before.checked_add(step >> 1).ok_or(StoredError::Damaged)?;
        let key = u32::try_from(before).map_err(|_| StoredError::Damaged)?;
        people.push((PersonKey(key), if step & 1 == 1 { Role::Obligor } else { Role::Member }));
    }
    let mut inputs = Vec::with_capacity(program.inputs.len());
    for input in &program.inputs {
        let values = (0..owners(input.entity, people.len())).map(|_| decode_input(&mut from, input));
        inputs.push(values.collect::<Result<_, _>>()?);
    }
    from.end()?;
    let mut run = (0, 0);
    let mut outcomes = Vec::with_capacity(setting.sources.len());
    for served in &shape.served {
        let mut of = Vec::new();
        for _ in 0..served.map_or(0, |entity| owners(entity, people.len())) {
            if run.1 == 0 {
                run = (from.byte()?, from.number()?);
            }
            run.1 = run.1.checked_sub(1).ok_or(StoredError::Damaged)?;
            of.push(match run.0.checked_sub(1) {
                None => None,
                Some(code) => Some(Outcome::from_code(code).ok_or(StoredError::Damaged)?),
            });
        }
        outcomes.push(of);
    }
    let mut sets: Vec<Vec<Reason>> = Vec::new();
    let mut facts = Vec::with_capacity(shape.facts.len());
    for (step, _) in &shape.facts {
        let definition = &program.steps[*step];
        let mut cells = Vec::new();
        for _ in 0..owners(definition.entity, people.len()) {
            cells.push(if from.is_usual()? {
                usual(definition.ty.is_int())
            } else {
                decode_cell(&mut from, setting, &mut sets)?
            });
        }
        facts.push(cells);
    }
    from.end()?;
    let mut records: Vec<Vec<usize>> = Vec::with_capacity(program.datasets.len());
    for dataset in &program.datasets {
        let mut counts = Vec::new();
        for _ in 0..owners(dataset.entity, people.len()) {
            counts.push(if from.is_usual()? { 0 } else { from.count()? });
        }
        records.push(counts);
    }
    from.end()?;
    let mut checksums = Vec::with_capacity(records.len());
    for counts in &records {
        checksums.push(if counts.iter().all(|count| *count == 0) { 0 } else { from.four()? });
    }
    let mut counted = Vec::with_capacity(shape.facts.len());
    for (_, dataset) in &shape.facts {
        let masks = records[*dataset].iter().map(|count| decode_masks(&mut from, *count));
        counted.push(masks.collect::<Result<_, _>>()?);
    }
    from.end()?;
    if !from.is_empty() {
        return Err(StoredError::Damaged);
    }
    Ok(Stored { area, residence, people, inputs, outcomes, facts, records, checksums, counted })
}

fn decode_input(from: &mut Reader<'_>, input: &Input) -> Result<Option<Datum>, StoredError> {
    if from.is_usual()? {
        return Ok(None);
    }
    if input.spec.ty.is_int() {
        return Ok(Some(Datum::Int(from.signed()?)));
    }
    let text = match from.count()? {
        0 => from.text()?,
        code => input.spec.codes.keys().nth(code - 1).ok_or(StoredError::Damaged)?,
    };
    Ok(Some(Datum::Text(text.into())))
}

fn decode_cell(
    from: &mut Reader<'_>,
    setting: &StoredSetting,
    sets: &mut Vec<Vec<Reason>>,
) -> Result<FreeCell, StoredError> {
    let known = |slot, text| FreeCell { slot, reasons: Vec::new(), text };
    let tag = from.byte()?;
    Ok(match tag {
        NUMBER => known(Slot::known(from.signed()?), None),
        NONE => known(Slot::NONE, None),
        // The number of a text means nothing outside its slice.
        TEXT => known(Slot::known(0), Some(from.text()?.into())),
        open if open & !7 == OPEN => {
            let lo = if open & 2 == 0 { from.signed()? } else { i64::MIN };
            let hi = if open & 4 == 0 { from.signed()? } else { i64::MAX };
            let presence = if open & 1 == 0 { Presence::Some } else { Presence::Maybe };
            let reasons = match from.count()? {
                0 => {
                    let reasons = decode_reasons(from, setting)?;
                    sets.push(reasons.clone());
                    reasons
                }
                known => sets.get(known - 1).cloned().ok_or(StoredError::Damaged)?,
            };
            if lo > hi || reasons.is_empty() {
                return Err(StoredError::Damaged);
            }
            FreeCell { slot: Slot { span: Span { lo, hi }, presence, why: Why::KNOWN }, reasons, text: None }
        }
        _ => return Err(StoredError::Damaged),
    })
}

fn decode_reasons(from: &mut Reader<'_>, setting: &StoredSetting) -> Result<Vec<Reason>, StoredError> {
    let mut reasons = Vec::new();
    for _ in 0..from.count()? {
        let source: SourceId = match from.count()? {
            0 => from.text()?.into(),
            known => setting.sources.get(known - 1).ok_or(StoredError::Damaged)?.0.clone(),
        };
        let cause = usize::from(from.byte()?);
        let outcome = Outcome::ALL.get(cause).map(|outcome| outcome.as_str());
        let other = || cause.checked_sub(Outcome::ALL.len()).and_then(|at| CAUSES.get(at)).copied();
        reasons.push(Reason { source, cause: outcome.or_else(other).ok_or(StoredError::Damaged)? });
    }
    Ok(reasons)
}

fn decode_masks(from: &mut Reader<'_>, count: usize) -> Result<Vec<Tri>, StoredError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if from.is_usual()? {
        return Ok(vec![Tri::Met; count]);
    }
    let mut masks = Vec::new();
    while masks.len() < count {
        let byte = from.byte()?;
        if masks.is_empty() && byte == 0xff {
            return Ok(vec![Tri::NotMet; count]);
        }
        for i in 0..4.min(count - masks.len()) {
            masks.push(match byte >> (2 * i) & 3 {
                0 => Tri::NotMet,
                1 => Tri::Met,
                2 => Tri::Undetermined,
                _ => return Err(StoredError::Damaged),
            });
        }
    }
    Ok(masks)
}
