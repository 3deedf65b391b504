//! Names that a target cannot have as they are, made to fit.

/// Hexadecimal digits of the hash that tells two shortened names apart.
const HASH_DIGITS: usize = 8;

/// The name cut so that it fits, with a hash of the whole at its end: the same for the same name on any
/// machine, and another for another. Nothing where it fits as it is.
pub fn shortened(name: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    if fits(name) {
        return None;
    }
    let hash = &protocol::wire::fingerprint(&name)[..HASH_DIGITS];
    let ends = name.char_indices().map(|(at, _)| at).rev();
    let cut = ends.map(|end| format!("{}_{hash}", name[..end].trim_end())).find(|name| fits(name));
    // A name that is cut to nothing is its hash.
    Some(cut.unwrap_or_else(|| format!("_{hash}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_at_a_character_and_keeps_its_difference() {
        let fits = |name: &str| name.len() <= 20;
        assert_eq!(shortened("short", fits), None);
        let one = shortened("äöüäöüäöüäöü_one", fits).unwrap();
        let two = shortened("äöüäöüäöüäöü_two", fits).unwrap();
        assert!(one.starts_with("äöüäö_") && one.len() <= 20, "{one}");
        assert_ne!(one, two);
        assert_eq!(shortened("äöüäöüäöüäöü_one", fits).unwrap(), one);
    }
}
