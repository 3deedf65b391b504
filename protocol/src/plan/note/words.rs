//! Kinds of notes that are known by their words: so a text alone is enough to say something, and many
//! such texts are one group.

/// What a text begins with, what stands behind the thing that it is about, and the kind that this is.
/// Where nothing stands behind it, the text is about no thing in particular.
const KNOWN: [(&str, Option<&str>, &str); 42] = [
    ("default of ", Some(" stays behind"), "default"),
    ("the default of ", Some(" stays behind"), "default"),
    ("index ", Some(" stays behind"), "index"),
    ("index ", Some(" is made without the columns it includes"), "included columns of index"),
    ("index ", Some(" stands on "), "index on a part"),
    ("index ", Some(" is called "), "name of index"),
    ("constraint ", Some(" gets another name"), "name of constraint"),
    ("check ", Some(" stays behind"), "check"),
    ("foreign key to ", Some(" stays behind"), "foreign key"),
    ("the link to ", Some(" stays behind"), "foreign key"),
    ("foreign key to ", Some(" is NOT VALID"), "foreign key that is not valid"),
    ("the link to ", Some(" is checked at once"), "deferred foreign key"),
    ("the comment of ", Some(" is too long"), "comment"),
    ("comments stay behind", None, "comment"),
    ("sequence ", Some(" is there already"), "sequence that is there"),
    ("sequences stay behind", None, "sequence"),
    ("", Some(" is compared without its collation"), "collation"),
    ("", Some(" is in the primary key, where the source allows NULL"), "NULL in the primary key"),
    ("", Some(" is not computed, but holds data"), "generated column"),
    ("", Some(" is computed in the source, and becomes plain data"), "generated column"),
    ("", Some(" is not numbered"), "numbering"),
    ("", Some(": SQLite numbers only a primary key"), "numbering"),
    ("numbers go on one by one", None, "numbering"),
    ("", Some(" holds instants from "), "range of instants"),
    ("", Some(" digits before the point"), "range of decimals"),
    ("", Some(" is not compared"), "not compared"),
    ("", Some(" is rewritten by the target and not verified"), "not compared"),
    ("", Some(": kept as text, digit by digit"), "kept as text"),
    ("", Some(" is kept as text"), "kept as text"),
    ("", Some(" holds values of any type, and becomes text"), "kept as text"),
    ("", Some(" becomes text, which a check holds to its labels"), "enumeration as text"),
    ("", Some(" is a set, and becomes text"), "set as text"),
    ("", Some(": filled in a second pass"), "second pass"),
    ("", Some(": no policy applies there"), "no policy"),
    ("", Some(": values that do not fit"), "policy"),
    ("", Some(": characters that "), "character set"),
    ("is partitioned in the source", None, "partitioning"),
    ("has no NOT NULL unique key", None, "no key"),
    ("triggers will fire", None, "triggers"),
    ("triggers are off", None, "triggers"),
    ("holds rows already", None, "rows that are there"),
    ("is InnoDB here", None, "storage engine"),
];

/// Kinds of losses that are no object: something is there and means less.
const MEANINGS: [&str; 3] = ["collation", "order of labels", "letter case"];

/// The kind that a text is of, and the thing that it is about.
pub(super) fn known(text: &str) -> Option<(&'static str, Option<String>)> {
    let of = |(before, behind, kind): &(&str, Option<&str>, &'static str)| {
        let rest = text.strip_prefix(before)?;
        match behind {
            None => Some((*kind, None)),
            Some(behind) => {
                let end = rest.find(behind)?;
                Some((*kind, Some(rest[..end].to_string())))
            }
        }
    };
    KNOWN.iter().find_map(of)
}

/// Whether a loss of this kind is one of meaning, and no object is missing.
pub(super) fn is_meaning(kind: &str) -> bool {
    MEANINGS.contains(&kind)
}
