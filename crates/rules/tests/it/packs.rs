//! `fixtures/rules/good/*` and `fixtures/rules/bad/*`.
