//! Durations.

use std::time::Duration;

/// Stands for "no limit": a week, which every timer and socket option can hold.
pub(in crate::config) const NO_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whole seconds (`10`), or numbers with units as in Go (`5s`, `1m30s`, `500ms`); at most
/// [`NO_LIMIT`].
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| with_units(text)).map(|duration| duration.min(NO_LIMIT)).ok_or_else(|| {
        format!("{text:?} is not a duration; write whole seconds, or a form such as 5s or 1m30s")
    })
}

fn with_units(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, behind) =
            behind.split_at(behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len()));
        let number: u64 = number.parse().ok()?;
        let seconds = |factor| number.checked_mul(factor).map(Duration::from_secs);
        let part = match unit {
            "ms" => Duration::from_millis(number),
            "s" => seconds(1)?,
            "m" => seconds(60)?,
            "h" => seconds(3600)?,
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

/// How long something may stay unproven: 1 s to 1 h.
pub(crate) fn proof_interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&interval) {
        return Err(format!("{text:?} is out of range; write a duration from 1s to 1h"));
    }
    Ok(interval)
}

/// After how long other receivers are asked again: a duration of at least a second; `None` for `never`
/// and 0.
pub(in crate::config) fn failback(text: &str) -> Result<Option<Duration>, String> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    match duration(text) {
        Ok(Duration::ZERO) => Ok(None),
        Ok(after) if after >= Duration::from_secs(1) => Ok(Some(after)),
        _ => Err(format!(
            "{text:?} is not a time to ask again; write 1 or more seconds, a form such as 5m, or never"
        )),
    }
}

/// How often to look for new files: a duration of at least a second.
pub(in crate::config) fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_secs(1) {
        return Err(format!("{text:?} is too short; write 1 or more seconds"));
    }
    Ok(interval)
}

/// A duration of which zero means that there is no limit.
pub(in crate::config) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text).map(|timeout| if timeout.is_zero() { NO_LIMIT } else { timeout })
}

/// How long the next line of a message is waited for: 100 ms to 1 h.
pub(in crate::config) fn join_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&timeout) {
        return Err(format!("{text:?} is out of range; write a duration from 100ms to 1h"));
    }
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |text| duration(text).map(|d| d.as_secs_f64());
        for (text, expected) in
            [("10", 10.0), ("0", 0.0), ("5s", 5.0), ("1m", 60.0), ("1m30s", 90.0), ("1h", 3600.0)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("99999999999999"), Ok(NO_LIMIT));
        for text in ["", "s", "5 s", "-1", "1.5", "5x", "5sm", "s5", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(interval("999ms").is_err() && interval("1").is_ok());
        assert_eq!(timeout("0"), Ok(NO_LIMIT));
    }
}
