//! The HTML. Whatever comes from elsewhere passes through [`escape`].

use std::fmt::Write;

use crate::Todo;

const STYLE: &str = include_str!("page.css");

/// The page with the list.
pub(crate) fn list(name: &str, todos: &[Todo]) -> String {
    let mut rows = String::new();
    for todo in todos {
        let title = escape(&todo.title);
        let row = if todo.done {
            format!("<li class=done>{title}</li>\n")
        } else {
            let id = todo.id;
            format!("<li>{title}<form method=post action=/todos/{id}/done><button>Done</button></form></li>\n")
        };
        rows.push_str(&row);
    }
    let open = todos.iter().filter(|todo| !todo.done).count();
    let main = format!(
        "<h1>Hello, {}!</h1>\n<p>{open} of {} to do.</p>\n\
         <form method=post action=/todos class=new>\
         <input name=title required maxlength=200 autofocus placeholder=\"What has to be done?\" aria-label=Title>\
         <button>Add</button></form>\n<ul>\n{rows}</ul>",
        escape(name),
        todos.len(),
    );
    page("Todo", &main)
}

/// A page that says what went wrong.
pub(crate) fn notice(title: &str, text: &str) -> String {
    let main = format!("<h1>{}</h1>\n<p>{}</p>\n<p><a href=/>Try again</a></p>", escape(title), escape(text.trim()));
    page(title, &main)
}

fn page(title: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n<link rel=icon href=data:,>\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n<main>\n{main}\n</main>\n</html>\n",
        escape(title),
    )
}

/// Text as HTML content or as a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_leaves_no_character_with_a_meaning() {
        assert_eq!(escape("<b a=\"1\" c='2'>&amp;"), "&#60;b a=&#34;1&#34; c=&#39;2&#39;&#62;&#38;amp;");
        assert_eq!(escape("秦粤 plain"), "秦粤 plain");
    }

    #[test]
    fn a_title_cannot_become_markup() {
        let todo = |id, title: &str, done| Todo { id, title: title.into(), done };
        let page = list("<i>", &[todo(1, "<script>alert(1)</script>", false), todo(2, "milk", true)]);
        assert!(!page.contains("<script>") && !page.contains("<i>"));
        assert!(page.contains("1 of 2 to do."));
        assert!(page.contains("action=/todos/1/done") && !page.contains("action=/todos/2/done"));
        assert!(!notice("x", "<script>").contains("<script>"));
    }
}
