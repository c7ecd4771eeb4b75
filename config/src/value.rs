//! Checks of single values, and numbers of the file as types of the model.

use std::time::Duration;

use crate::option::{Check, Opt, Ty};

const INT32: std::ops::RangeInclusive<i64> = -2_147_483_648..=2_147_483_647;

/// Refuses a number its row does not allow; the error is the message to show.
pub(crate) fn check_number(opt: &Opt, number: i64) -> Result<(), String> {
    let name = opt.name;
    let check = match opt.ty {
        Ty::Int(check) => check,
        Ty::CountOrAuto => Check::Range(1, *INT32.end()),
        Ty::Size => Check::NonNegative(i64::MAX),
        _ => return Ok(()),
    };
    let out_of_int = || Err(format!("value for option '{name}' is out of int range"));
    match check {
        Check::Int32 if !INT32.contains(&number) => out_of_int(),
        Check::Range(..) if !INT32.contains(&number) => {
            Err(format!("value '{name}' = {number} is out of integer bounds"))
        }
        Check::Range(low, high) if !(low..=high).contains(&number) => {
            Err(format!("value for option '{name}' must be between {low} and {high}"))
        }
        Check::NonNegative(_) if number < 0 => Err(format!("{name} must be non-negative")),
        Check::NonNegative(high) if number > high => out_of_int(),
        Check::Int32 | Check::Range(..) | Check::NonNegative(_) => Ok(()),
    }
}

/// A number as `u32`: negative becomes 0, what is too large the largest. Rows have refused what matters.
pub(crate) fn count(number: Option<i64>) -> u32 {
    u32::try_from(number.unwrap_or(0).max(0)).unwrap_or(u32::MAX)
}

/// Milliseconds; zero and less are "off".
pub(crate) fn millis(number: Option<i64>) -> Option<Duration> {
    u64::try_from(number?).ok().filter(|n| *n > 0).map(Duration::from_millis)
}

/// Seconds; zero and less are "off".
pub(crate) fn seconds(number: Option<i64>) -> Option<Duration> {
    u64::try_from(number?).ok().filter(|n| *n > 0).map(Duration::from_secs)
}

/// Quantiles as a comma list of numbers within 0 and 1; text behind a number is passed over up to the comma.
pub(crate) fn quantiles(text: &str) -> Option<Vec<f64>> {
    text.split(',').map(quantile).collect()
}

fn quantile(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let number = |end: usize| text.get(..end).and_then(|head| head.parse::<f64>().ok());
    // The longest head that is a number: what C's `%lf` reads. Numbers are short, so trying is cheap.
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(text.len());
    let value = (1..=end.min(64)).rev().find_map(number)?;
    (0.0..=1.0).contains(&value).then_some(value)
}

/// Octal digits, the way `strtol` reads them: what follows the last digit is passed over, no digit is 0.
pub(crate) fn octal(text: &str) -> u32 {
    let digits = text.trim_start().bytes().take_while(|byte| (b'0'..=b'7').contains(byte));
    digits.fold(0u32, |value, digit| value.saturating_mul(8).saturating_add(u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_skip_junk_behind_numbers() {
        let cases: [(&str, Option<&[f64]>); 8] = [
            ("0.99,0.95", Some(&[0.99, 0.95])),
            (" 0.5 ,1", Some(&[0.5, 1.0])),
            ("0.5junk,0", Some(&[0.5, 0.0])),
            ("1e-1", Some(&[0.1])),
            ("1.1", None),
            ("-0.1", None),
            ("", None),
            ("0.5,,", None),
        ];
        for (text, want) in cases {
            assert_eq!(quantiles(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn modes_are_octal() {
        let cases = [("0644", 0o644), ("777", 0o777), ("abc", 0), ("6444x", 0o6444), ("8", 0)];
        for (text, want) in cases {
            assert_eq!(octal(text), want, "{text}");
        }
    }

    #[test]
    fn zero_is_off() {
        assert_eq!(millis(Some(0)), None);
        assert_eq!(millis(Some(-1)), None);
        assert_eq!(millis(None), None);
        assert_eq!(seconds(Some(2)), Some(Duration::from_secs(2)));
        assert_eq!(count(Some(-1)), 0);
        assert_eq!(count(Some(i64::MAX)), u32::MAX);
    }
}
