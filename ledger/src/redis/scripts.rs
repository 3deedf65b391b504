//! The scripts: one for each change of state, so that each is made whole or not at all.
//!
//! The server runs one script at a time, so each sees and leaves a state that makes sense. Redis
//! is asked for a script by its digest and sent the text when it does not know it.

use redis::Script;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident: $($part:literal)+;)*) => {
        /// Every script, ready to be called.
        pub(super) struct Scripts {
            $($(#[$doc])* pub(super) $name: Script,)*
        }

        impl Scripts {
            pub(super) fn new() -> Self {
                Self { $($name: Script::new(concat!($(include_str!($part)),+)),)* }
            }
        }
    };
}

scripts! {
    /// A run becomes known.
    open: "scripts/chunk.lua" "scripts/open.lua";
    /// Many chunks are done, or released.
    merge: "scripts/chunk.lua" "scripts/merge.lua";
    /// An event happens to a chunk.
    record: "scripts/chunk.lua" "scripts/record.lua";
    /// An attempt claims a chunk.
    claim: "scripts/chunk.lua" "scripts/claim.lua";
    /// An attempt goes on with a chunk.
    renew: "scripts/chunk.lua" "scripts/renew.lua";
    /// An attempt gives a chunk back.
    hand_back: "scripts/chunk.lua" "scripts/hand_back.lua";
    /// Claims lapse.
    lapse: "scripts/chunk.lua" "scripts/lapse.lua";
    /// All chunks are looked at.
    recall: "scripts/chunk.lua" "scripts/recall.lua";
    /// A fact is published.
    publish: "scripts/publish.lua";
    /// A process says that it is there.
    present: "scripts/present.lua";
    /// An amount is taken from a bucket.
    admit: "scripts/admit.lua";
    /// A place is entered.
    enter: "scripts/enter.lua";
}
