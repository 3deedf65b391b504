//! Ranges of keys: where an entity is cut, and the condition that one range comes to.
//!
//! Bounds are what the server's own ORDER BY returned, as text, and come back to it as literals:
//! `n:42` a number, `t:it's` a text or a date, `x:00FF` bytes. Nothing here compares a key.
//!
//! The server uses no index for `(a, b) > (1, 2)`, so rows are compared column by column:
//! `a >= 1 AND (a > 1 OR (a = 1 AND b > 2))`.

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Column, Row, Value};
use protocol::fault::{Code, Fault};
use protocol::plan::{Bound, Entity, Range};
use protocol::schema::Logical;

use super::connect::Link;
use super::words;
use crate::Cut;

/// Conditions that are joined by AND.
#[derive(Debug, Default)]
pub(super) struct Where(Vec<String>);

impl Where {
    /// Adds the operator's own condition. It stands on lines of its own, so that a comment at its end
    /// does not reach further.
    pub(super) fn filter(&mut self, filter: &str) {
        self.0.push(format!("(\n{filter}\n)"));
    }

    /// Adds: the key is greater than `after`, and at most `upto`.
    ///
    /// # Errors
    /// `Code::PlanFormat` when a bound is not one of ours.
    pub(super) fn range(&mut self, key: &[String], range: &Range) -> Result<(), Fault> {
        for (bound, strict, last) in [(&range.after, ">", ">"), (&range.upto, "<", "<=")] {
            let Some(bound) = bound else { continue };
            let values: Option<Vec<_>> = bound.0.iter().map(|part| literal(part)).collect();
            let values = values.filter(|values| values.len() == key.len() && !key.is_empty());
            let values =
                values.ok_or_else(|| Fault::new(Code::PlanFormat, "a bound of a range"))?;
            self.0.push(compared(key, &values, strict, last));
        }
        Ok(())
    }

    /// Adds a condition as it is.
    pub(super) fn condition(&mut self, condition: String) {
        self.0.push(condition);
    }

    /// ` WHERE …`, or nothing.
    pub(super) fn sql(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!(" WHERE {}", self.0.join(" AND ")) }
    }
}

/// The key stands in that relation to these values, column by column.
fn compared(key: &[String], values: &[String], strict: &str, last: &str) -> String {
    let (Some((name, key)), Some((value, values))) = (key.split_first(), values.split_first())
    else {
        return "TRUE".to_owned();
    };
    let name = words::name(name);
    if key.is_empty() {
        return format!("{name} {last} {value}");
    }
    let rest = compared(key, values, strict, last);
    format!(
        "{name} {strict}= {value} AND ({name} {strict} {value} OR ({name} = {value} AND {rest}))"
    )
}

/// A part of a bound as a literal; none when it is not one of ours.
fn literal(part: &str) -> Option<String> {
    let (class, value) = part.split_once(':')?;
    match class {
        "n" => {
            let plain = value.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
            (plain && !value.is_empty()).then(|| value.to_owned())
        }
        "t" => Some(words::literal(value)),
        "x" => {
            let hex = value.len() % 2 == 0 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
            hex.then(|| format!("x'{value}'"))
        }
        _ => None,
    }
}

/// What the values of a key column are as literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Bits,
    Text,
    Bytes,
}

impl Class {
    /// None for a column whose order is not that of its literals: an enumeration is ordered by number
    /// and compared with texts by letters, and of a float the text says only a part.
    fn of(column: &Column) -> Option<Self> {
        use ColumnType as T;
        let flags = column.flags();
        if flags.intersects(ColumnFlags::ENUM_FLAG | ColumnFlags::SET_FLAG) {
            return None;
        }
        let kind = column.column_type();
        let number = matches!(
            kind,
            T::MYSQL_TYPE_TINY
                | T::MYSQL_TYPE_SHORT
                | T::MYSQL_TYPE_INT24
                | T::MYSQL_TYPE_LONG
                | T::MYSQL_TYPE_LONGLONG
                | T::MYSQL_TYPE_DECIMAL
                | T::MYSQL_TYPE_NEWDECIMAL
                | T::MYSQL_TYPE_YEAR
        );
        let date = matches!(
            kind,
            T::MYSQL_TYPE_DATE
                | T::MYSQL_TYPE_NEWDATE
                | T::MYSQL_TYPE_TIME
                | T::MYSQL_TYPE_DATETIME
                | T::MYSQL_TYPE_TIMESTAMP
        );
        let unordered = matches!(
            kind,
            T::MYSQL_TYPE_FLOAT | T::MYSQL_TYPE_DOUBLE | T::MYSQL_TYPE_ENUM | T::MYSQL_TYPE_SET
        );
        match () {
            () if unordered => None,
            () if kind == T::MYSQL_TYPE_BIT => Some(Self::Bits),
            () if number => Some(Self::Number),
            () if date => Some(Self::Text),
            // 63 is the character set `binary`.
            () if column.character_set() == 63 => Some(Self::Bytes),
            () => Some(Self::Text),
        }
    }

    /// None for what cannot be a key's value.
    fn part(self, value: &[u8]) -> Option<String> {
        let text = || String::from_utf8(value.to_vec()).ok();
        Some(match self {
            Self::Number => format!("n:{}", text()?),
            Self::Bits => {
                let number = value.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
                format!("n:{number}")
            }
            Self::Text => format!("t:{}", text()?),
            Self::Bytes => format!("x:{}", words::hex(value)),
        })
    }
}

/// Bounds that are asked for one by one.
const STEPS_MAX: usize = 4;

/// The last key of every `cut.rows` rows, without the last of all, along the server's own order.
///
/// The first steps ask for the key `cut.rows` further on, each in a statement of its own. Where there are
/// more, one statement walks along the rest and counts: a way to the server and back for each of a
/// hundred thousand bounds would take longer than the rows.
pub(super) async fn cut(link: &mut Link, cut: &Cut) -> Result<Vec<Bound>, Fault> {
    let mut bounds: Vec<Bound> = Vec::new();
    if cut.key.is_empty() {
        return Ok(bounds);
    }
    let key = words::names(cut.key.iter().map(String::as_str));
    loop {
        let mut rows = Where::default();
        rows.range(&cut.key, &Range { after: bounds.last().cloned(), upto: None })?;
        if let Some(filter) = &cut.filter {
            rows.filter(filter);
        }
        let step = format!(
            "SELECT {key} FROM {}{} ORDER BY {key} LIMIT 2 OFFSET {}",
            words::table(&cut.table),
            rows.sql(),
            cut.rows.max(1) - 1
        );
        match next_bound(link, cut, &step).await? {
            Some(bound) => bounds.push(bound),
            None => return Ok(bounds),
        }
        if bounds.len() == STEPS_MAX {
            let rest = walk(link, cut, bounds.last().cloned()).await?;
            bounds.extend(rest);
            return Ok(bounds);
        }
    }
}

/// All bounds behind one, counted off by the server as it walks along the key. Should it count before it
/// sorts, ranges are less even, and still partition the table.
async fn walk(link: &mut Link, cut: &Cut, after: Option<Bound>) -> Result<Vec<Bound>, Fault> {
    let key = words::names(cut.key.iter().map(String::as_str));
    let table = words::table(&cut.table);
    let behind = |after: Option<Bound>| {
        let mut rows = Where::default();
        rows.range(&cut.key, &Range { after, upto: None })?;
        if let Some(filter) = &cut.filter {
            rows.filter(filter);
        }
        Ok::<_, Fault>(rows.sql())
    };
    link.run("SET @lh_at = 0").await?;
    let select = format!(
        "SELECT {key} FROM {table}{} HAVING (@lh_at := @lh_at + 1) % {} = 0 ORDER BY {key}",
        behind(after)?,
        cut.rows.max(1)
    );
    let found = link.work()?.query::<Row, _>(select).await;
    let found = link.rest(found)?;
    let mut bounds = Vec::with_capacity(found.len());
    for row in &found {
        let Some(bound) = bound_of(row, cut)? else { return Ok(Vec::new()) };
        bounds.push(bound);
    }
    // Behind the last key of all nothing stands.
    if let Some(last) = bounds.last() {
        let more = format!("SELECT 1 FROM {table}{} LIMIT 1", behind(Some(last.clone()))?);
        if link.one(&more).await?.is_none() {
            bounds.pop();
        }
    }
    Ok(bounds)
}

/// The first key of the answer, if there is a second: where there is none, the first is the last key
/// of all. None as well for keys that cannot be cut.
async fn next_bound(link: &mut Link, cut: &Cut, step: &str) -> Result<Option<Bound>, Fault> {
    let found = link.work()?.query::<Row, _>(step).await;
    let found = link.rest(found)?;
    let [row, _] = found.as_slice() else { return Ok(None) };
    bound_of(row, cut)
}

/// A key as a bound; none where such keys cannot be cut.
fn bound_of(row: &Row, cut: &Cut) -> Result<Option<Bound>, Fault> {
    let classes: Option<Vec<_>> = row.columns_ref().iter().map(Class::of).collect();
    let Some(classes) = classes else { return Ok(None) };
    let part = |(at, class): (usize, Class)| match row.as_ref(at) {
        Some(Value::Bytes(bytes)) => class.part(bytes),
        _ => None,
    };
    let parts: Option<Vec<_>> = classes.into_iter().enumerate().map(part).collect();
    let parts = parts.ok_or_else(|| {
        Fault::new(Code::SourceChanged, cut.table.to_string())
            .saying("a key column that forbids NULL holds one")
    })?;
    Ok(Some(Bound(parts)))
}

/// The rows of slice `index` of `of` of a target entity: an even part of the first column of its key,
/// where that is a number. Otherwise the first slice is the whole.
///
/// Where slices begin follows from the least and the greatest number there, which nobody moves while
/// a run is verified.
pub(super) async fn slice(
    link: &mut Link,
    entity: &Entity,
    index: u32,
    of: u32,
) -> Result<Where, Fault> {
    let mut rows = Where::default();
    let key = entity.key.first().and_then(|key| entity.columns.iter().find(|c| c.source == *key));
    let number = key.filter(|c| of > 1 && matches!(c.to, Logical::Integer { .. }));
    let Some(column) = number else {
        if index > 0 {
            rows.condition("FALSE".to_owned());
        }
        return Ok(rows);
    };
    let name = words::name(&column.target);
    let ends = format!("SELECT MIN({name}), MAX({name}) FROM {}", words::table(&entity.target));
    let found = link.query(&ends).await?.pop().unwrap_or_default();
    let mut ends = found.into_iter().map(|cell| cell.and_then(|text| text.parse::<i128>().ok()));
    let mut end = || ends.next().flatten().unwrap_or(0);
    let (least, greatest) = (end(), end());
    let border = |index: u32| least + (greatest - least + 1) * i128::from(index) / i128::from(of);
    // NULL, which a key of the source may become, goes with the first.
    if index > 0 {
        rows.condition(format!("{name} >= {}", border(index)));
    }
    if index + 1 < of {
        let null = if index == 0 { format!(" OR {name} IS NULL") } else { String::new() };
        rows.condition(format!("({name} < {}{null})", border(index + 1)));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_column_by_column() {
        let key = ["a".to_owned(), "b".to_owned()];
        let mut rows = Where::default();
        let bound = |parts: &[&str]| Some(Bound(parts.iter().map(ToString::to_string).collect()));
        let range = Range { after: bound(&["n:-1", "t:it's"]), upto: bound(&["n:2", "x:00ff"]) };
        rows.range(&key, &range).unwrap();
        assert_eq!(
            rows.sql(),
            " WHERE `a` >= -1 AND (`a` > -1 OR (`a` = -1 AND `b` > 'it\\'s')) \
             AND `a` <= 2 AND (`a` < 2 OR (`a` = 2 AND `b` <= x'00ff'))"
        );
    }

    #[test]
    fn what_is_no_bound_of_ours_is_refused() {
        for part in ["", "42", "n:", "n:1 OR 1", "x:0", "x:0g", "q:1"] {
            let range = Range { after: Some(Bound(vec![part.to_owned()])), upto: None };
            let fault = Where::default().range(&["a".to_owned()], &range).unwrap_err();
            assert_eq!(fault.code(), Code::PlanFormat, "{part}");
        }
    }
}
