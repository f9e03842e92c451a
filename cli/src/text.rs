//! How figures and tables are written for people.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Rows under each other, every column but the last as wide as its widest cell. A row of one cell is a line by itself.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        if let [whole] = row.as_slice() {
            return format!("{whole}\n");
        }
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// Time since then in one unit, as kubectl writes an age.
pub fn age(since: Option<&Time>, now: Timestamp) -> String {
    let Some(since) = since else { return "-".to_owned() };
    let seconds = now.duration_since(since.0).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A list, or `-` where it is empty.
pub fn joined(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

/// At most so many characters, the last of them `…` where something is left out.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_and_lines_have_no_blank_end() {
        let rows = [["├─ a", "1", "x"], ["bc", "100", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "├─ a  1    x\nbc    100\n");
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["a whole line".to_owned()]];
        assert_eq!(table(&rows), "a  b\na whole line\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn an_age_has_one_unit() {
        let time = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let now = time("2026-05-03T12:00:00Z");
        for (since, expected) in [
            ("2026-05-03T12:00:07Z", "0s"),
            ("2026-05-03T11:58:01Z", "119s"),
            ("2026-05-03T11:58:00Z", "2m"),
            ("2026-05-03T10:00:00Z", "2h"),
            ("2026-05-01T12:00:01Z", "47h"),
            ("2026-05-01T12:00:00Z", "2d"),
        ] {
            assert_eq!(age(Some(&Time(time(since))), now), expected, "{since}");
        }
        assert_eq!(age(None, now), "-");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(cut("größer", 6), "größer");
        assert_eq!(cut("größere", 6), "größe…");
    }
}
