//! Every kind of mistake that checking a pack can tell, with its stable code.

/// Code and meaning, in order of code; those that end in `(warning)` leave a pack whole and can be allowed.
pub const KINDS: &[(&str, &str)] = &[
    ("rules::aggregate_misuse", "an aggregate where there is nothing to aggregate, or inside another"),
    ("rules::bad_area", "not a division code of GB/T 2260"),
    ("rules::bad_date", "not a date or month"),
    ("rules::bad_each", "an increment that cannot be added"),
    ("rules::bad_header", "a parameter table without a needed column, or with one twice"),
    ("rules::bad_name", "a name that cannot be one, or is a word of the language"),
    ("rules::bad_period", "a period that the value was not published for"),
    ("rules::bad_row", "a row of a parameter table with another number of cells than its header"),
    ("rules::bad_value", "a value that does not fit its type"),
    ("rules::case_bad_value", "a value in a case that does not fit its type, or an unknown word"),
    ("rules::case_unknown_name", "a case names a variable, flag, dataset, column or source that does not exist"),
    ("rules::case_without_else", "CASE without ELSE"),
    ("rules::case_wrong_place", "a value of a person at the household of a case, or the other way round"),
    ("rules::cycle", "a value that needs itself"),
    ("rules::division_by_zero", "division by a literal zero"),
    ("rules::duplicate_key", "a name twice in one TOML table"),
    ("rules::duplicate_order", "two schemes with one place in the order"),
    ("rules::duplicate_rule", "a name declared twice, or again without `override`"),
    ("rules::duplicate_version", "two versions of one rule that begin on one day"),
    ("rules::empty_version", "a version of a rule that changes nothing"),
    ("rules::literal_too_precise", "a number with more decimals than its type holds"),
    ("rules::missing_cite", "a parameter's value, a flag or a version of a rule without its source"),
    ("rules::missing_key", "a table without a key it needs"),
    ("rules::missing_table", "a parameter names a file that is not there"),
    ("rules::missing_title", "a rule without a Chinese title (warning)"),
    ("rules::mixed_people", "members and obligors in one aggregate"),
    ("rules::money_times_money", "money multiplied by money"),
    ("rules::not_a_condition", "something else where a condition is needed"),
    ("rules::null_is_unknown", "IS NULL asked of what is unknown when empty"),
    ("rules::out_of_bounds", "a parameter's value outside of its own least or largest"),
    ("rules::outside_aggregate", "many values where one is needed"),
    ("rules::overlap", "two rows of a parameter table that hold at once"),
    ("rules::override_kind", "a rule replaced by one of another kind"),
    ("rules::override_without_base", "`override` with nothing to override"),
    ("rules::pack_id", "a pack with another id than its folder"),
    ("rules::period_mixed", "money of different periods mixed: at one moment, per month, per year"),
    ("rules::scale_misuse", "a scale read as a value, or something else read as a scale"),
    ("rules::scale_shape", "a scale whose types do not go together"),
    ("rules::syntax", "an expression that cannot be read"),
    ("rules::test_shape", "a test that is neither a value with one limit nor a condition"),
    ("rules::toml", "a file that is not TOML"),
    ("rules::type_mismatch", "values of types that do not go together"),
    ("rules::undefined_name", "a name that nothing has"),
    ("rules::unit_mixed", "amounts mixed with counts, areas or plain numbers"),
    ("rules::unknown_base", "a pack extends one that is not there, or itself"),
    ("rules::unknown_code", "a code that is not in the list of its column or input"),
    ("rules::unknown_function", "a function that the rule language does not have"),
    ("rules::unknown_key", "a key or table that is not known there"),
    ("rules::unknown_pack", "no pack of that name"),
    ("rules::unknown_type", "not a type"),
    ("rules::unknown_word", "not one of the words allowed there"),
    ("rules::unsupported", "SQL that rules do not have"),
    ("rules::until_before_from", "something that ends before it begins"),
    ("rules::unused", "a name that no rule uses (warning)"),
    ("rules::unused_file", "a table that no parameter reads (warning)"),
    ("rules::version_outside_pack", "a version of a rule that begins before its pack, or after its end"),
    ("rules::version_without_base", "a version changes what the rule did not say before"),
    ("rules::wrong_arity", "a function or keyed parameter with the wrong number of arguments"),
    ("rules::wrong_entity", "a value of a person in a household's formula, or the other way round"),
    ("rules::wrong_value", "a TOML value of the wrong kind"),
];

/// Lints: what is allowed but looks like a known mistake on a given day. Warnings, which a rule can `allow`.
pub const LINTS: &[(&str, &str)] = &[
    ("rules::any_for_all", "one person within a limit lets the whole household pass"),
    ("rules::exemption_ended", "an exemption that has ended, with nobody to say whether it goes on"),
    ("rules::limit_never_binds", "a limit that nothing can reach, or that everything is beyond"),
    ("rules::percentage_above_one", "a rate or share of more than 1"),
    ("rules::receipt_not_eligibility", "a scheme asks who receives aid where it means who may"),
    ("rules::test_unused", "a test that no scheme uses"),
    ("rules::unconfirmed", "a value past the day until which somebody vouched for it"),
];

/// The codes of warnings, without `rules::`.
pub fn warnings() -> impl Iterator<Item = &'static str> {
    let kinds = KINDS.iter().filter(|(_, meaning)| meaning.ends_with("(warning)"));
    kinds.chain(LINTS).filter_map(|(code, _)| code.strip_prefix("rules::"))
}

/// Whether a word (without `rules::`) is the code of a warning.
pub(crate) fn is_warning(word: &str) -> bool {
    warnings().any(|warning| warning == word)
}
