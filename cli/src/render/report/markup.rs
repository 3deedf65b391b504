//! HTML that cannot be broken out of: names, keys and messages come from databases, and are hostile.

use std::fmt;

use crate::render::visible::is_hidden;

/// Text for an HTML document, escaped for content and quoted attributes alike.
///
/// Characters that nobody sees, or that turn the order of what is seen around, are spelled out:
/// `\u{202e}`.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                hidden if is_hidden(hidden) => write!(f, "{}", hidden.escape_unicode())?,
                plain => write!(f, "{plain}")?,
            }
        }
        Ok(())
    }
}

/// Escaped text.
pub(super) fn text(plain: &str) -> String {
    Text(plain).to_string()
}

/// A section under a heading.
pub(super) fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", Text(title))
}

/// A paragraph of plain text.
pub(super) fn paragraph(plain: &str) -> String {
    format!("<p>{}</p>\n", Text(plain))
}

/// A list of items that are HTML already.
pub(super) fn list(items: &[String]) -> String {
    let items: String = items.iter().map(|item| format!("<li>{item}</li>\n")).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// A table. Headings that begin with `#` stand over numbers. Cells are HTML already; the first of
/// each row is its heading.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>], total: Option<&[String]>) -> String {
    let class = |at: usize| match headings.get(at) {
        Some(heading) if heading.starts_with('#') => " class=\"number\"",
        _ => "",
    };
    let label = |at: usize| text(headings.get(at).map_or("", |name| name.trim_start_matches('#')));
    let heading = |(at, name): (usize, &&str)| {
        format!("<th scope=\"col\"{}>{}</th>", class(at), Text(name.trim_start_matches('#')))
    };
    let row = |cells: &[String]| {
        let cell = |(at, cell): (usize, &String)| match at {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            // Where the screen is narrow, each row is a card and names its cells.
            _ => format!("<td{} data-label=\"{}\">{cell}</td>", class(at), label(at)),
        };
        format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
    };
    let head: String = headings.iter().enumerate().map(heading).collect();
    let body: String = rows.iter().map(|cells| row(cells)).collect();
    let foot = total.map(|cells| format!("<tfoot>\n{}</tfoot>\n", row(cells))).unwrap_or_default();
    format!(
        "<div class=\"sheet\" tabindex=\"0\" role=\"region\" aria-label=\"table\"><table>\n<thead>\
         <tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n{foot}</table></div>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_text_or_attribute() {
        assert_eq!(text("<b a=\"x\" c='y'>&"), "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;");
    }

    #[test]
    fn what_nobody_sees_is_spelled_out() {
        assert_eq!(text("a\u{202e}b\0c\u{200b}\n"), "a\\u{202e}b\\u{0}c\\u{200b}\\u{a}");
        assert_eq!(text("Zoë 学校"), "Zoë 学校");
    }
}
