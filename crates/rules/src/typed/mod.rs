//! Typed rules: every expression has a type and a unit, and computes with whole numbers in the scale of its type.
//!
//! From: [`crate::resolved`] (names bound, types unknown). To: [`crate::program`], which trusts it.
//! Adds: a type per expression, every change of scale, the columns in use. Removes: overloaded operators, implicit
//! yuan to fen, the difference between a bare number and an amount.
//! Promises: no unknown type survives where nothing was reported; both sides of an operation have one scale.
//! Reports: every problem of types and units, in every rule.

mod arithmetic; // + - * / and dates
mod ast; // start here: the shape of a typed rule
mod calls; // functions and aggregates
mod check; // literals, names, conditions
mod compare; // comparisons, lists, branches
mod from_resolved; // step by step
mod months; // windows, dates moved by months, yearly amounts by month
mod rounding; // to decimals, multiples, whole numbers
mod units; // which types go together, and what to say when they do not

pub use ast::Pack;
pub(crate) use from_resolved::from_resolved;
