//! How far a replica is behind: what a watchdog's query says of it, and whom it keeps out.

use std::fmt;
use std::time::Duration;

/// Why the answer to a lag query says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LagFault {
    /// There is no row, or it has no column.
    NoRow,
    /// The value is NULL: a primary has replayed nothing.
    Null,
    /// The value is no number of seconds.
    NotANumber(String),
}

impl fmt::Display for LagFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LagFault::NoRow => f.write_str("the lag query returned no row"),
            LagFault::Null => f.write_str("the lag query returned NULL"),
            LagFault::NotANumber(text) => {
                write!(f, "the lag query returned '{}', which is no time in seconds", text.escape_debug())
            }
        }
    }
}

impl std::error::Error for LagFault {}

/// The lag of a server that has replayed everything up to `replayed`, the text of a whole number of seconds since
/// 1970; digits behind a decimal point are passed over. `now`: seconds since 1970. A server whose clock is ahead of
/// ours is not behind.
///
/// # Errors
/// See [`LagFault`].
pub fn behind(replayed: Option<Option<&[u8]>>, now: u64) -> Result<Duration, LagFault> {
    let text = replayed.ok_or(LagFault::NoRow)?.ok_or(LagFault::Null)?;
    let wrong = || LagFault::NotANumber(String::from_utf8_lossy(text).into_owned());
    let number = std::str::from_utf8(text).map_err(|_| wrong())?.trim_ascii();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let replayed: i64 = whole.parse().map_err(|_| wrong())?;
    let replayed = u64::try_from(replayed).unwrap_or(0);
    Ok(Duration::from_secs(now.saturating_sub(replayed)))
}

/// Whether a client with this limit may go on: with a server, by the lag of its endpoint, without one, by those of
/// every endpoint its server could be at.
///
/// # Errors
/// The smallest lag, which is too big.
pub fn admit(lag_max: Option<Duration>, lags: impl Iterator<Item = Duration>) -> Result<(), Duration> {
    let Some(lag_max) = lag_max else { return Ok(()) };
    match lags.min() {
        Some(least) if least >= lag_max => Err(least),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_lag_query() {
        let not = |text: &str| Err(LagFault::NotANumber(text.to_owned()));
        let cases = [
            ("995", Ok(5)),
            ("1000", Ok(0)),
            ("1007", Ok(0)),
            (" 990 ", Ok(10)),
            ("990.75", Ok(10)),
            ("-5", Ok(1000)),
            ("", not("")),
            ("now", not("now")),
            ("1e3", not("1e3")),
            ("9.9.9", not("9.9.9")),
            ("99999999999999999999", not("99999999999999999999")),
        ];
        for (text, want) in cases {
            assert_eq!(behind(Some(Some(text.as_bytes())), 1000), want.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(behind(None, 1000), Err(LagFault::NoRow));
        assert_eq!(behind(Some(None), 1000), Err(LagFault::Null));
        assert!(behind(Some(Some(b"\xff")), 1000).is_err());
    }

    #[test]
    fn who_may_go_on() {
        /// Limit and lags in seconds, and what becomes of the client.
        type Case<'a> = (Option<u64>, &'a [u64], Result<(), u64>);
        let cases: [Case; 7] = [
            (None, &[1_000_000], Ok(())),
            (Some(5), &[4], Ok(())),
            (Some(5), &[5], Err(5)),
            (Some(5), &[9, 4, 7], Ok(())),
            (Some(5), &[9, 6, 7], Err(6)),
            (Some(5), &[0], Ok(())),
            (Some(5), &[], Ok(())),
        ];
        for (limit, lags, want) in cases {
            let lags_of = lags.iter().map(|lag| Duration::from_secs(*lag));
            let got = admit(limit.map(Duration::from_secs), lags_of);
            assert_eq!(got, want.map_err(Duration::from_secs), "{limit:?} {lags:?}");
        }
    }
}
