//! UTC date and time of a log line, computed from the seconds since 1970 without asking the system.

use std::time::{SystemTime, UNIX_EPOCH};

/// One moment, taken apart. A clock before 1970 is shown as 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Utc {
    /// Seconds since 1970.
    pub(super) unix: u64,
    /// Milliseconds of the second, 0 to 999.
    pub(super) millis: u32,
}

impl Utc {
    /// Takes a moment apart.
    pub(super) fn of(time: SystemTime) -> Utc {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Utc { unix: since.as_secs(), millis: since.subsec_millis() }
    }

    /// Appends `YYYY-MM-DDTHH:MM:SSZ`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (year, month, day) = date(self.unix / 86_400);
        let second = self.unix % 86_400;
        digits(out, year, 4);
        for (before, number) in [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60)]
        {
            out.push(before);
            digits(out, number, 2);
        }
        out.push(b':');
        digits(out, second % 60, 2);
        out.push(b'Z');
    }
}

/// Appends a number in decimal with at least `width` digits.
pub(super) fn digits(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let (mut rest, mut used) = (number, 0);
    for place in text.iter_mut().rev() {
        if rest == 0 && used >= width.max(1) {
            break;
        }
        // Below 10, so the cast loses nothing.
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
    }
    out.extend_from_slice(text.get(text.len() - used..).unwrap_or_default());
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
///
/// Counts in years that begin on 1 March, so that the leap day is the last of its year, and in cycles of 400
/// years, which all have the same number of days.
fn date(day: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    // 1 March of year 0 was 719468 days before 1970.
    let day = day + 719_468;
    let (cycle, of_cycle) = (day / CYCLE, day % CYCLE);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / (CYCLE - 1)) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    // March is 0; five months have 153 days wherever they begin.
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, wrapped) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + wrapped, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
        ];
        for (unix, want) in cases {
            let mut out = Vec::new();
            Utc::of(UNIX_EPOCH + Duration::from_secs(unix)).write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let mut before = date(0);
        for day in 1..182_700 {
            let (year, month, of_month) = date(day);
            let follows = match before {
                (y, m, d) if (year, month) == (y, m) => of_month == d + 1 && d < 31,
                (y, 12, 31) => (year, month, of_month) == (y + 1, 1, 1),
                (y, m, d) => (year, month, of_month) == (y, m + 1, 1) && d >= 28,
            };
            assert!(follows, "{before:?} then {:?}", (year, month, of_month));
            before = (year, month, of_month);
        }
    }

    #[test]
    fn a_clock_before_1970_is_1970() {
        assert_eq!(Utc::of(UNIX_EPOCH - Duration::from_secs(5)), Utc { unix: 0, millis: 0 });
    }

    #[test]
    fn numbers_are_padded_and_never_cut() {
        for (number, width, want) in
            [(0, 1, "0"), (7, 3, "007"), (1234, 3, "1234"), (u64::MAX, 1, "18446744073709551615")]
        {
            let mut out = Vec::new();
            digits(&mut out, number, width);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
