//! `longhaul watch`: narrates a run, from any machine, until it ends, and exits as it does.

use crate::args::{Global, OfRun};
use crate::exit::Answer;
use crate::find;
use crate::fleet::meant::Meant;
use crate::watch::{self, Until};

/// Watches. The run does not notice.
pub(crate) async fn watch(global: &Global, of: OfRun) -> Answer {
    let meant = Meant::find(global, &of, find::Which::Latest).await?;
    watch::watch(global, meant, Until::Over).await
}
