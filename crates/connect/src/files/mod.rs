//! Files that both sides lay: what they are called, what stands in them, and how they are packed. Opens no connection.

mod encode;
mod names;
mod pack;
mod read;

pub(crate) use encode::{encode, mark};
pub(crate) use names::{Match, Pattern};
pub use names::{file_name, part_name};
pub use pack::{Unpackable, pack, unpack};
pub use read::{RequestRow, UnreadableRequest, read_request};
