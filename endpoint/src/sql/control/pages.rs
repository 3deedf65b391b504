//! Reading what there is one of for each chunk, a part at a time: a run may have a million, and a
//! driver keeps a whole answer in memory, as text.

use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Bound, Chunk, Range, Work};

use super::Sql;
use super::home::Control;
use super::rows::Cells;

/// Rows in one answer.
const PAGE: usize = 10_000;

impl<S: Sql> Control<S> {
    /// Rows of a run from a table, in chunk order, with `and` appended to the condition. The chunk's
    /// id comes before `columns`.
    pub(super) async fn by_chunk(
        &mut self,
        columns: &str,
        table: &str,
        run: RunId,
        and: &str,
        mut take: impl FnMut(ChunkId, Cells) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut after: Option<ChunkId> = None;
        loop {
            let from = after.map(|chunk| format!("AND chunk > {chunk}")).unwrap_or_default();
            let by = format!("{from} {and} ORDER BY chunk LIMIT {PAGE}");
            let page = self.of_run(&format!("chunk{columns}"), table, run, &by).await?;
            let last = page.len() < PAGE;
            for row in page {
                let mut cells = Cells::of(row);
                let chunk = ChunkId(cells.parse()?);
                after = Some(chunk);
                take(chunk, cells)?;
            }
            if last {
                return Ok(());
            }
        }
    }
}

/// A chunk without the room that reading it left over: by a million, more than the chunks themselves.
pub(super) fn snug(mut chunk: Chunk) -> Chunk {
    chunk.after.shrink_to_fit();
    match &mut chunk.work {
        Work::Copy(Range { after, upto }) | Work::Link(Range { after, upto }) => {
            for Bound(key) in after.iter_mut().chain(upto) {
                key.shrink_to_fit();
            }
        }
        Work::Step(_) | Work::Verify { .. } => {}
    }
    chunk
}
