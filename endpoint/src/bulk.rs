//! Questions about many tables, for engines that ask one by one.

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use protocol::fault::Fault;
use protocol::plan::Bound;

use crate::{Cut, Read, Source};

/// Questions under way at the same time: enough that small tables do not wait for a large one, few
/// enough for a server in use.
const AT_ONCE: usize = 4;

/// Cuts one by one.
pub(crate) async fn cut_each<S: Source + ?Sized>(
    source: &S,
    cuts: &[Cut],
) -> Result<Vec<Vec<Bound>>, Fault> {
    let mut asked = Vec::with_capacity(cuts.len());
    for cut in cuts {
        asked.push(cut_one(source, cut).boxed());
    }
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

async fn cut_one<S: Source + ?Sized>(source: &S, cut: &Cut) -> Result<Vec<Bound>, Fault> {
    source.cut(cut).await.map_err(|fault| fault.within(&cut.table))
}

/// Reads to the end, one by one. Reads that are not to give all rows say so by their `top`.
pub(crate) async fn taste_each<S: Source + ?Sized>(
    source: &S,
    reads: &[Read],
) -> Result<(), Fault> {
    let mut asked = Vec::with_capacity(reads.len());
    for read in reads {
        asked.push(taste_one(source, read).boxed());
    }
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

async fn taste_one<S: Source + ?Sized>(source: &S, read: &Read) -> Result<(), Fault> {
    let within = |fault: Fault| fault.within(&read.table);
    let mut rows = source.read(read).await.map_err(within)?;
    while rows.next().await.map_err(within)?.is_some() {}
    Ok(())
}
