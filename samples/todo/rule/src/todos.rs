//! The list and its rules. Owns what may stand in it; knows nothing of HTTP.

use serde::Serialize;

/// Most entries that the list holds: it lives in memory.
pub(crate) const ENTRIES_MAX: usize = 1000;
/// Longest title, in characters.
pub(crate) const TITLE_CHARS_MAX: usize = 200;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Todo {
    /// Counts from 1, in the order of arrival.
    pub(crate) id: u64,
    /// 1 to 200 characters, trimmed.
    pub(crate) title: String,
    /// Whether it has been done.
    pub(crate) done: bool,
}

/// Why an entry was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No title but white space.
    Empty,
    /// More than [`TITLE_CHARS_MAX`] characters.
    Long,
    /// [`ENTRIES_MAX`] entries are there.
    Full,
}

/// The list, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Todos {
    entries: Vec<Todo>,
}

impl Todos {
    /// All entries, oldest first.
    pub(crate) fn all(&self) -> &[Todo] {
        &self.entries
    }

    /// Adds an entry to the end.
    pub(crate) fn add(&mut self, title: &str) -> Result<Todo, Refusal> {
        let title = title.trim();
        if title.is_empty() {
            return Err(Refusal::Empty);
        }
        if title.chars().count() > TITLE_CHARS_MAX {
            return Err(Refusal::Long);
        }
        if self.entries.len() == ENTRIES_MAX {
            return Err(Refusal::Full);
        }
        let todo = Todo { id: self.entries.len() as u64 + 1, title: title.to_owned(), done: false };
        self.entries.push(todo.clone());
        Ok(todo)
    }

    /// Marks an entry as done, once or again; `None` if there is no such entry.
    pub(crate) fn done(&mut self, id: u64) -> Option<Todo> {
        let todo = self.entries.iter_mut().find(|todo| todo.id == id)?;
        todo.done = true;
        Some(todo.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_count_from_one() {
        let mut todos = Todos::default();
        assert_eq!(todos.add("  buy milk ").unwrap(), Todo { id: 1, title: "buy milk".into(), done: false });
        assert_eq!(todos.add("写一个操作器").unwrap().id, 2);
        let titles: Vec<_> = todos.all().iter().map(|todo| todo.title.as_str()).collect();
        assert_eq!(titles, ["buy milk", "写一个操作器"]);
    }

    #[test]
    fn done_is_idempotent_and_knows_what_is_missing() {
        let mut todos = Todos::default();
        todos.add("buy milk").unwrap();
        assert!(todos.done(1).unwrap().done);
        assert!(todos.done(1).unwrap().done);
        assert_eq!(todos.done(2), None);
        assert_eq!(todos.all().len(), 1);
    }

    #[test]
    fn titles_are_bounded_in_characters_not_bytes() {
        let mut todos = Todos::default();
        assert_eq!(todos.add(" \t"), Err(Refusal::Empty));
        assert!(todos.add(&"粤".repeat(TITLE_CHARS_MAX)).is_ok());
        assert_eq!(todos.add(&"粤".repeat(TITLE_CHARS_MAX + 1)), Err(Refusal::Long));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut todos = Todos::default();
        for _ in 0..ENTRIES_MAX {
            todos.add("again").unwrap();
        }
        assert_eq!(todos.add("again"), Err(Refusal::Full));
        assert_eq!(todos.all().len(), ENTRIES_MAX);
    }
}
