use hedui_base::ColumnType;

use crate::program::{DatasetUse, StepId, StepKind};
use crate::resolved::Node;

/// The types and typed bodies of a bound pack; everything else is as in [`crate::resolved::Pack`].
#[derive(Debug)]
pub struct Pack {
    /// Steps of the program in order of computation; an index is a [`StepId`].
    pub order: Vec<Node>,
    /// The step of the program that each bound step becomes, if it is part of it.
    pub ids: Vec<Option<StepId>>,
    /// Type of each bound step; none where a mistake was reported.
    pub types: Vec<Option<ColumnType>>,
    /// Body of each bound step; none where a mistake was reported.
    pub kinds: Vec<Option<StepKind>>,
    /// Datasets in use, with the columns in use.
    pub datasets: Vec<DatasetUse>,
}
