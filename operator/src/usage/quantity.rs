//! Kubernetes' quantities (`250m`, `1.5`, `128Mi`, `1e3`, `7013n`) as whole numbers, so that shares of them are exact.

/// Decimal digits of a billionth, the unit of what is parsed.
const NANO: i32 = 9;

/// A quantity in billionths, rounded up; none where it is no quantity, negative, or beyond all measure.
pub fn nanos(text: &str) -> Option<u128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}").parse::<u128>().ok()?;
    let (factor, exponent) = unit(suffix)?;
    let exponent = exponent + NANO - i32::try_from(fraction.len()).ok()?;
    let power = 10u128.checked_pow(exponent.unsigned_abs())?;
    let scaled = digits.checked_mul(factor)?;
    if exponent < 0 { Some(scaled.div_ceil(power)) } else { scaled.checked_mul(power) }
}

/// What a suffix multiplies by: a factor, and a power of ten.
fn unit(suffix: &str) -> Option<(u128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => (1, suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|exponent: &i32| exponent.abs() <= 30)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_quantity_is_read() {
        let one = 1_000_000_000;
        for (text, expected) in [
            ("1", one),
            ("0", 0),
            ("250m", one / 4),
            ("0.25", one / 4),
            (".5", one / 2),
            ("2.", 2 * one),
            ("7013n", 7_013),
            ("12u", 12_000),
            ("0.5n", 1),
            ("1.5k", 1_500 * one),
            ("128Mi", 128 * 1_048_576 * one),
            ("1.5Gi", 1_610_612_736 * one),
            ("129M", 129_000_000 * one),
            ("129e6", 129_000_000 * one),
            ("1E3", 1_000 * one),
            ("5e-1", one / 2),
            ("1E", 1_000_000_000_000_000_000 * one),
        ] {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in
            ["", ".", "-1", "Mi", "1x", "1 Mi", "1.2.3", "1e", "1e99", "9999999999999999999999999999999999999999"]
        {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
