//! A trace: how many requests came in each minute, or each second.

/// Most requests of a trace.
const REQUESTS_MAX: u64 = 20_000_000;
/// Longest trace, seconds: a week.
const SECONDS_MAX: u64 = 7 * 24 * 3600;

/// Requests by step; the first row is the beginning, and what is not named is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Length of a step, seconds.
    pub step_s: u64,
    /// Requests of each step.
    pub counts: Vec<u32>,
}

impl Trace {
    /// Reads CSV. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// Names the line, what is wrong there, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (number, header) =
            lines.next().ok_or("is empty: the first line must be `minute,requests` or `second,requests`")?;
        let (unit, step_s) = match header {
            "minute,requests" => ("minute", 60),
            "second,requests" => ("second", 1),
            other => return Err(format!("line {number}: `{other}`: must be `minute,requests` or `second,requests`")),
        };
        let mut rows = Rows { unit, step_s, first: None, counts: Vec::new(), sum: 0 };
        for (number, line) in lines {
            rows.add(line).map_err(|problem| format!("line {number}: {problem}"))?;
        }
        if rows.counts.is_empty() {
            return Err(format!("has no row: at least one such as `0,30` must follow `{header}`"));
        }
        Ok(Self { step_s, counts: rows.counts })
    }

    /// Its length, seconds.
    pub fn seconds(&self) -> u64 {
        self.step_s * self.counts.len() as u64
    }
}

/// Rows so far.
struct Rows {
    unit: &'static str,
    step_s: u64,
    first: Option<u64>,
    counts: Vec<u32>,
    sum: u64,
}

impl Rows {
    fn add(&mut self, line: &str) -> Result<(), String> {
        let unit = self.unit;
        let (at, requests) = line.split_once(',').ok_or_else(|| format!("`{line}`: must be {unit},requests"))?;
        let at = whole(unit, at, u64::MAX)?;
        let requests = whole("requests", requests, REQUESTS_MAX)?;
        let first = *self.first.get_or_insert(at);
        let next = first.saturating_add(self.counts.len() as u64);
        if at < next {
            return Err(format!("{unit} {at} comes after {unit} {}: rows must be in order", next - 1));
        }
        if (at - first) >= SECONDS_MAX / self.step_s {
            return Err(format!("{unit} {at} is more than a week after the first: a trace must be shorter"));
        }
        self.sum += requests;
        if self.sum > REQUESTS_MAX {
            return Err(format!("with it there are {} requests: must be at most {REQUESTS_MAX}", self.sum));
        }
        self.counts.resize((at - first) as usize, 0);
        self.counts.push(requests as u32);
        Ok(())
    }
}

fn whole(column: &str, text: &str, most: u64) -> Result<u64, String> {
    let number = text.trim().parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("{column} is `{}`: must be a whole number from 0 to {most}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_zero_and_the_first_row_is_the_beginning() {
        let trace = Trace::parse("# recorded\nminute,requests\r\n29000000, 3\n\n29000002,5\n").expect("a trace");
        assert_eq!(trace, Trace { step_s: 60, counts: vec![3, 0, 5] });
        assert_eq!(trace.seconds(), 180);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("", "is empty: "),
            ("# of May\ntime,requests\n0,1", "line 2: `time,requests`: must be `minute,requests` or `second,requests`"),
            ("second,requests\n", "has no row: "),
            ("second,requests\n0;1", "line 2: `0;1`: must be second,requests"),
            ("second,requests\n0,1\n1,-3", "line 3: requests is `-3`: must be a whole number from 0 to 20000000"),
            ("minute,requests\nx,1", "line 2: minute is `x`: must be a whole number"),
            ("minute,requests\n5,1\n5,1", "line 3: minute 5 comes after minute 5: rows must be in order"),
            ("minute,requests\n0,1\n10080,1", "line 3: minute 10080 is more than a week after the first"),
            ("second,requests\n0,20000000\n1,1", "line 3: with it there are 20000001 requests: must be at most"),
        ] {
            let told = Trace::parse(text).expect_err(text);
            assert!(told.starts_with(expected), "{text}: {told}");
        }
    }
}
