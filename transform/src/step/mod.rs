//! What is done with a row on its way: one step, one file.

mod column;
mod compared;

pub(crate) use column::Column;
pub(crate) use compared::Compared;
