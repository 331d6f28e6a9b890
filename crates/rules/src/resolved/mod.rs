//! Rules with names bound: packs joined along `extends`, every name an input, parameter, column or step.
//!
//! From: [`crate::surface`] of a pack and those it extends. To: [`crate::typed`].
//! Adds: what each name means, whose value each expression is, the order of computation, the rows of parameter tables.
//! Removes: packs and overrides, BETWEEN, NOT IN, CASE with an operand, test and scheme tables (they become steps).
//! Promises: every name exists; persons and households are not mixed; steps in [`Pack::order`] read only earlier ones.
//! Reports: every problem of names, whichever rule it is in. A broken rule keeps its name, so others stay quiet.

mod ast; // start here: the shape of a bound rule
mod calls; // functions and aggregates inside expressions
mod from_surface; // packs joined, rules turned into steps
mod join; // extends and override
mod order; // dependency order and cycles
mod parameter; // parameters and their rows
mod schemes; // schemes of households and of persons
mod scope; // names inside expressions
mod versions; // formulas that change on a day

pub use ast::{
    Body, Expr, ExprKind, Flag, Input, Named, Node, Pack, Parameter, PersonScheme, Scheme, Step, StepVersion, Test,
    Want,
};
pub(crate) use from_surface::{from_surface, unknown_code};
