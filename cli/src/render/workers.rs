//! Who works for a fleet.

use protocol::clock::Instant;
use protocol::presence::{Presence, Role};

use super::visible;

/// For people: a line for each process, and one for each chunk in its hands.
pub(crate) fn text(presences: &[Presence], now: Instant) -> String {
    if presences.is_empty() {
        return "no coordinator and no worker is running; start them: longhaul coordinator, longhaul worker".into();
    }
    presences.iter().map(|presence| one(presence, now)).collect()
}

fn one(presence: &Presence, now: Instant) -> String {
    let doing = match presence.role {
        Role::Coordinator => format!("leads {}", presence.leads.len()),
        Role::Worker => format!("{}/{} slots busy", presence.on.len(), presence.slots),
    };
    let draining = if presence.draining { ", draining" } else { "" };
    let mut out = format!(
        "{:<12} {:<32} {doing}{draining}, since {}, {}\n",
        presence.role.as_str(),
        presence.id.to_string(),
        presence.since,
        visible::text(&presence.version),
    );
    if let Some(trouble) = &presence.trouble {
        out += &format!("  trouble: {}\n", visible::text(trouble));
    }
    for run in &presence.leads {
        out += &format!("  leads {run}\n");
    }
    for busy in &presence.on {
        let seconds = now.micros_since(busy.since) / 1_000_000;
        out += &format!("  chunk {} of {} for {seconds} s\n", busy.chunk, busy.run);
    }
    out
}
