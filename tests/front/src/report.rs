//! Reading what others' tools print. A report without its figures is an error, never a pass.

use anyhow::{Context, Result, ensure};

/// What a load generator counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Requests that were answered with 2xx.
    pub good: u64,
    /// All others: another status, or no answer.
    pub bad: u64,
    /// Answers a second.
    pub rate: f64,
}

/// What h2load printed. In a run that is bounded by time, requests that the end of it cuts are not counted.
///
/// # Errors
/// It is not h2load's.
pub fn h2load(text: &str) -> Result<Load> {
    let requests = line(text, "requests: ")?;
    let bad = ["failed", "errored", "timeout"].map(|word| before(requests, word)).into_iter().sum::<Result<u64>>()?;
    let codes = line(text, "status codes: ")?;
    let good = before(codes, "2xx")?;
    let others = ["3xx", "4xx", "5xx"].map(|word| before(codes, word)).into_iter().sum::<Result<u64>>()?;
    let rate = line(text, "finished in ")?.split(", ").find_map(|part| part.strip_suffix(" req/s"));
    let rate = rate.context("h2load: no req/s")?.parse().context("h2load: req/s")?;
    Ok(Load { good, bad: bad + others, rate })
}

/// What hey printed, of a run of `wanted` requests.
///
/// # Errors
/// It is not hey's.
pub fn hey(text: &str, wanted: u64) -> Result<Load> {
    let good = line(text, "  [200]\t")?.trim_end_matches(" responses").parse().context("hey: responses")?;
    let rate = line(text, "  Requests/sec:\t")?.parse().context("hey: Requests/sec")?;
    Ok(Load { good, bad: wanted.saturating_sub(good), rate })
}

/// What wrk printed.
///
/// # Errors
/// It is not wrk's.
pub fn wrk(text: &str) -> Result<Load> {
    let all =
        before(text.lines().find(|line| line.contains(" requests in ")).context("wrk: no requests")?, "requests")?;
    let rate = line(text, "Requests/sec:")?.trim().parse().context("wrk: Requests/sec")?;
    let socket = match line(text, "  Socket errors: ") {
        // `connect 0, read 3, write 0, timeout 0`
        Ok(errors) => errors.split(", ").map(|error| error.rsplit(' ').next().unwrap_or_default().parse::<u64>()).sum(),
        Err(_) => Ok(0),
    };
    let status = match line(text, "  Non-2xx or 3xx responses: ") {
        Ok(count) => count.parse()?,
        Err(_) => 0,
    };
    Ok(Load { good: all.saturating_sub(status), bad: status + socket?, rate })
}

/// Names of the cases that failed in h2spec's JUnit report, and how many were run.
///
/// # Errors
/// It is not h2spec's.
pub fn h2spec<'a>(junit: &'a str) -> Result<(usize, Vec<&'a str>)> {
    let cases: Vec<&str> = junit.split("<testcase ").skip(1).collect();
    ensure!(!cases.is_empty(), "h2spec: no cases");
    let failed = cases.iter().filter(|case| case.contains("<failure") || case.contains("<error"));
    let name = |case: &&'a str| Some(case.split_once("classname=\"")?.1.split_once('"')?.0);
    let names: Option<Vec<&str>> = failed.map(name).collect();
    Ok((cases.len(), names.context("h2spec: a case without a name")?))
}

/// What stands behind `start` in its line.
fn line<'a>(text: &'a str, start: &str) -> Result<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start)).with_context(|| format!("no line {start:?} in:\n{text}"))
}

/// The number before a word.
fn before(line: &str, word: &str) -> Result<u64> {
    let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
    let mut last = words.next().unwrap_or_default();
    for next in words {
        if next == word {
            return last.parse().with_context(|| format!("{word} in {line:?}"));
        }
        last = next;
    }
    anyhow::bail!("no {word} in {line:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2load_counts_everything_that_is_not_2xx() {
        let text = "finished in 105.17ms, 9508.51 req/s, 517.80KB/s\n\
            requests: 1000 total, 1000 started, 1000 done, 998 succeeded, 2 failed, 1 errored, 0 timeout\n\
            status codes: 990 2xx, 0 3xx, 4 4xx, 3 5xx\n";
        assert_eq!(h2load(text).unwrap(), Load { good: 990, bad: 10, rate: 9508.51 });
        assert!(h2load("").is_err());
    }

    #[test]
    fn hey_and_wrk() {
        let text = "  Requests/sec:\t17766.9213\nStatus code distribution:\n  [200]\t1999 responses\n";
        assert_eq!(hey(text, 2000).unwrap(), Load { good: 1999, bad: 1, rate: 17766.9213 });
        assert!(hey("  [503]\t2000 responses\n", 2000).is_err());

        let text = "  12395 requests in 1.00s, 2.33MB read\nRequests/sec:  12351.79\n";
        assert_eq!(wrk(text).unwrap(), Load { good: 12395, bad: 0, rate: 12351.79 });
        let broken =
            format!("{text}  Socket errors: connect 0, read 3, write 0, timeout 1\n  Non-2xx or 3xx responses: 5\n");
        assert_eq!(wrk(&broken).unwrap(), Load { good: 12390, bad: 9, rate: 12351.79 });
    }

    #[test]
    fn h2spec_names_what_failed() {
        let text = "<testcase package=\"a\" classname=\"good\" time=\"0\"></testcase>\n\
            <testcase package=\"a\" classname=\"bad\" time=\"0\">\n<error>why</error></testcase>\n";
        assert_eq!(h2spec(text).unwrap(), (2, vec!["bad"]));
        assert!(h2spec("").is_err());
    }
}
