//! What a user may read, from what the server says it was granted.

use protocol::fault::Fault;

use super::connect::Link;

/// What is to be known where not all of a database may be read.
pub(super) const HIDDEN: &str = "the user holds SELECT on parts of the database only: \
     tables and columns that it may not read are not seen, and not moved";

/// What was granted to the user, a statement each; the rights of roles among them, where they are
/// at work.
pub(super) async fn grants(link: &mut Link) -> Result<Vec<String>, Fault> {
    let role = link.one("SELECT CURRENT_ROLE()").await?;
    let using =
        match role.filter(|role| !link.met().server.shows_rights_of_roles() && role != "NONE") {
            Some(role) => format!(" FOR CURRENT_USER() USING {role}"),
            None => String::new(),
        };
    let lines = link.query(&format!("SHOW GRANTS{using}")).await?;
    Ok(lines.into_iter().flatten().flatten().collect())
}

/// Whether these rights let a user read every table of a database. Where it cannot be told, not.
pub(super) fn reads_all(grants: &[String], database: &str) -> bool {
    let of_database = |grant: &str, verb: &str| {
        let Some((rights, rest)) = grant.strip_prefix(verb).and_then(|g| g.split_once(" ON "))
        else {
            return false;
        };
        let reads = rights.split(',').map(str::trim).any(|right| {
            matches!(&*right.to_ascii_uppercase(), "SELECT" | "ALL" | "ALL PRIVILEGES")
        });
        reads && is_on(rest, database)
    };
    let granted = grants.iter().any(|grant| of_database(grant, "GRANT "));
    // A right on everything can be taken back for one database.
    granted && !grants.iter().any(|grant| of_database(grant, "REVOKE "))
}

/// Whether `*.* TO …` or `` `shop`.* TO … `` means all of a database.
fn is_on(object: &str, database: &str) -> bool {
    if object.starts_with("*.* ") {
        return true;
    }
    let Some(quoted) = object.strip_prefix('`') else { return false };
    let Some((pattern, _)) = quoted.split_once("`.* ") else { return false };
    is_like(&pattern.replace("``", "`"), database)
}

/// Whether a name is meant by a pattern: `_` stands for one character, `%` for any number, and a
/// backslash takes that meaning away.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('%') => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| is_like(rest.as_str(), &name[at..]))
        }
        Some(first) => {
            let escaped = (first == '\\').then(|| rest.next()).flatten();
            let mut others = name.chars();
            let same = match (others.next(), escaped) {
                (None, _) => false,
                (Some(other), Some(escaped)) => other == escaped,
                (Some(other), None) => first == '_' || first == other,
            };
            same && is_like(rest.as_str(), others.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(grants: &[&str]) -> bool {
        let grants: Vec<_> = grants.iter().map(ToString::to_string).collect();
        reads_all(&grants, "shop_1")
    }

    #[test]
    fn a_user_reads_all_only_by_a_right_on_all() {
        let usage = "GRANT USAGE ON *.* TO `u`@`%`";
        assert!(reads(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION"]));
        assert!(reads(&[usage, "GRANT INSERT, SELECT ON `shop_1`.* TO `u`@`%`"]));
        assert!(reads(&[usage, "GRANT SELECT ON `shop\\_1`.* TO `u`@`%`"]));
        assert!(reads(&[usage, "GRANT SELECT ON `sh%`.* TO `u`@`%`"]));
        for grant in [
            usage,
            "GRANT SELECT ON `shop_1`.`orders` TO `u`@`%`",
            "GRANT SELECT (`id`) ON `shop_1`.`orders` TO `u`@`%`",
            "GRANT INSERT ON `shop_1`.* TO `u`@`%`",
            "GRANT SELECT ON `other`.* TO `u`@`%`",
            "GRANT SELECT ON `shop\\_2`.* TO `u`@`%`",
            "GRANT `reader`@`%` TO `u`@`%`",
        ] {
            assert!(!reads(&[usage, grant]), "{grant}");
        }
        assert!(!reads(&[
            "GRANT SELECT ON *.* TO `u`@`%`",
            "REVOKE SELECT ON `shop_1`.* FROM `u`@`%`"
        ]));
    }
}
