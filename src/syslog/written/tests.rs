use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-29T12:00:00Z";

/// As `TIMESTAMP` has it in UTC, or `-`.
fn found(format: &str, line: &str, now: &str, zone: &TimeZone) -> String {
    let format = TimeFormat::parse(format).unwrap();
    let time = format.find(line.as_bytes(), now.parse().unwrap(), zone);
    time.map_or("-".to_owned(), |time| time.to_string())
}

fn two_hours_east() -> TimeZone {
    TimeZone::fixed(Offset::from_seconds(7200).unwrap())
}

#[track_caller]
fn assert_found(format: &str, line: &str, expected: &str) {
    assert_eq!(found(format, line, NOW, &two_hours_east()), expected, "{format:?} in {line:?}");
}

#[test]
fn times_are_found_as_logs_have_them() {
    for (format, line, expected) in [
        // RFC 3339, with an offset of each kind.
        ("%Y-%m-%dT%H:%M:%S%.f%:z", "2026-11-28T10:20:30.5+01:00 up", "2026-11-28T09:20:30.5Z"),
        ("%Y-%m-%dT%H:%M:%S%.f%:z", "2026-11-28T10:20:30Z up", "2026-11-28T10:20:30Z"),
        (
            "%Y-%m-%dT%H:%M:%S%.f%z",
            "{\"at\":\"2026-11-28T10:20:30.25Z\"}",
            "2026-11-28T10:20:30.25Z",
        ),
        // Apache and nginx.
        (
            "[%d/%b/%Y:%H:%M:%S %z]",
            "10.0.0.1 - - [28/Nov/2026:10:20:30 -0330] \"GET / HTTP/1.1\" 200 2",
            "2026-11-28T13:50:30Z",
        ),
        // Log4j and Python: a comma, local time.
        ("%Y-%m-%d %H:%M:%S,%f", "2026-11-28 10:20:30,123 INFO up", "2026-11-28T08:20:30.123Z"),
        ("%F %T", "WARN 2026-11-28 10:20:30 up", "2026-11-28T08:20:30Z"),
        // Coloured, and a word that is none.
        ("%F %T", "\x1B[90m2026-11-28 10:20:30\x1B[0m INFO up", "2026-11-28T08:20:30Z"),
        ("%F %T", "\x1B[1;90m2026-11-28 10:20:30\x1B[0m INFO up", "2026-11-28T08:20:30Z"),
        ("%F %T", "[0m2026-11-27 10:20:30 2026-11-28 10:20:30", "2026-11-28T08:20:30Z"),
        // syslog (RFC 3164), with the day padded either way.
        ("%b %e %H:%M:%S", "Nov  9 10:20:30 web1 cron[1]: up", "2026-11-09T08:20:30Z"),
        ("%b %d %H:%M:%S", "Nov 28 10:20:30 web1 cron[1]: up", "2026-11-28T08:20:30Z"),
        // Seconds since the epoch: Squid, JSON.
        ("%s", "1795861230.129   5 10.0.0.1 TCP_MISS/200", "2026-11-28T10:20:30Z"),
        ("%s.%f", "1795861230.129   5 10.0.0.1 TCP_MISS/200", "2026-11-28T10:20:30.129Z"),
        ("\"ts\":%s%.f", "{\"level\":3,\"ts\":1795861230.5}", "2026-11-28T10:20:30.5Z"),
        // PostgreSQL names a zone; twelve hours; a time alone.
        (
            "%Y-%m-%d %H:%M:%S%.f %Q",
            "2026-11-28 10:20:30.123 UTC [7] LOG",
            "2026-11-28T10:20:30.123Z",
        ),
        ("%m/%d/%Y %I:%M:%S %p", "11/28/2026 1:20:30 PM up", "2026-11-28T11:20:30Z"),
        ("%H:%M:%S", "23:59:59 up", "2026-11-28T21:59:59Z"),
    ] {
        assert_found(format, line, expected);
    }
}

#[test]
fn what_does_not_fit_is_no_time() {
    for (format, line) in [
        ("%F %T", ""),
        ("%F %T", "    at Foo.bar(Foo.java:12)"),
        ("%F %T", "2026-13-28 10:20:30"),
        ("%F %T", "2026-11-31 10:20:30"),
        ("%F %T", "2026-11-28T10:20:30"),
        ("%F %T %z", "2026-11-28 10:20:30"),
        ("%b %e %T", "Feb 30 10:20:30"),
        // Neither within a word nor within a number.
        ("%b %e %T", "unNov 28 10:20:30"),
        ("%s", "x1795861230"),
        ("%s", "99999999999999999"),
        // Before the year 0, which RFC 3339 has no way to write.
        ("[%s]", "[-62167219201]"),
    ] {
        assert_found(format, line, "-");
    }
}

#[test]
fn a_time_far_off_is_what_was_written() {
    assert_found("%F %T %z", "0001-01-01 00:00:00 +0000", "0001-01-01T00:00:00Z");
    assert_found("%F %T %z", "9999-12-30 00:00:00 +0000", "9999-12-30T00:00:00Z");
    assert_found("%s", "0", "1970-01-01T00:00:00Z");
}

#[test]
fn it_is_looked_for_in_the_first_kilobyte_and_the_first_one_counts() {
    let line = |before: usize| format!("{}[2026-11-28] [2026-11-27]", "x".repeat(before));
    assert_found("[%F]", &line(SEARCHED - 1), "2026-11-27T22:00:00Z");
    assert_found("[%F]", &line(SEARCHED), "-");
}

#[test]
fn an_offset_is_read_in_any_form() {
    for (text, expected) in [
        ("Z", "10:20:30Z"),
        ("z up", "10:20:30Z"),
        ("+01 up", "09:20:30Z"),
        ("+0130", "08:50:30Z"),
        ("-01:30: up", "11:50:30Z"),
        ("+00:00:", "10:20:30Z"),
        ("+01:99", "09:20:30Z"),
    ] {
        for format in ["%FT%T%z", "%FT%T%:z", "%FT%T%:::z"] {
            assert_found(
                format,
                &format!("2026-11-28T10:20:30{text}"),
                &format!("2026-11-28T{expected}"),
            );
        }
    }
    for text in ["", "Zulu", "+1", "UTC", "+26:00"] {
        assert_found("%FT%T%z", &format!("2026-11-28T10:20:30{text}"), "-");
    }
    // Something stands behind it that is a part of the time.
    assert_found("%b %e %T %z %Y", "Nov 28 10:20:30 +0100 2025", "2025-11-28T09:20:30Z");
    assert_found("%b %e %T %z %Y", "Nov 28 10:20:30 +0100 up", "-");
    assert_found("[%F %z]", "[2026-11-28 +0000", "-");
}

#[test]
fn a_year_that_is_not_written_is_the_last_one_that_may_be() {
    let year = |line: &str, now: &str| found("%b %e %T", line, now, &TimeZone::UTC)[..4].to_owned();
    assert_eq!(year("Dec 31 23:59:59", "2027-01-01T00:00:05Z"), "2026");
    // Clocks differ, by minutes or by a zone.
    assert_eq!(year("Jan  1 00:00:00", "2026-12-31T23:59:58Z"), "2027");
    assert_eq!(year("Dec 29 00:00:00", "2026-12-23T00:00:00Z"), "2026");
    // What was not read for long is no line of the next year.
    assert_eq!(year("Jun 15 00:00:00", "2026-12-31T00:00:00Z"), "2026");
    assert_eq!(year("Dec 31 00:00:00", "2026-12-23T00:00:00Z"), "2025");
    // Leap years alone have that day.
    assert_eq!(year("Feb 29 12:00:00", "2027-03-01T00:00:00Z"), "2024");
    assert_eq!(year("Feb 29 12:00:00", "2103-03-01T00:00:00Z"), "2096");
    // A weekday tells years apart: the 28th was a Saturday in 2026, a Friday in 2025.
    let year = |line: &str| found("%a %b %e %T", line, NOW, &TimeZone::UTC);
    assert_eq!(&year("Sat Nov 28 10:20:30")[..4], "2026");
    assert_eq!(&year("Fri Nov 28 10:20:30")[..4], "2025");
    assert_eq!(&year("Sat Feb 29 10:20:30")[..4], "2020");
    assert_eq!(year("Sat Feb 30 10:20:30"), "-");
}

#[test]
fn a_day_that_is_not_written_is_the_last_one_that_may_be() {
    let day = |line: &str, now: &str| found("%T", line, now, &TimeZone::UTC)[..10].to_owned();
    assert_eq!(day("23:59:59", "2026-11-29T00:00:01Z"), "2026-11-28");
    assert_eq!(day("00:00:01", "2026-11-28T23:59:59Z"), "2026-11-29");
    assert_eq!(day("08:00:00", "2026-11-29T22:00:00Z"), "2026-11-29");
    assert_eq!(day("13:00:01", "2026-11-29T12:00:00Z"), "2026-11-28");
    // 2026-11-29 is a Sunday.
    assert_eq!(&found("%a %T", "Thu 12:00:00", NOW, &TimeZone::UTC)[..10], "2026-11-26");
    assert_eq!(&found("%a %T", "Sun 23:00:00", NOW, &TimeZone::UTC)[..10], "2026-11-22");
}

#[test]
fn a_local_time_that_the_clocks_leave_out_or_show_twice_is_one_instant() {
    let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let at = |line: &str| found("%F %T", line, NOW, &berlin);
    assert_eq!(at("2026-03-29 02:30:00"), "2026-03-29T01:30:00Z");
    assert_eq!(at("2026-10-25 02:30:00"), "2026-10-25T00:30:00Z");
}

#[test]
fn a_format_that_gives_no_time_is_refused() {
    for (format, expected) in [
        ("", "neither a day nor an hour"),
        ("time", "neither a day nor an hour"),
        ("%Y", "neither a day nor an hour"),
        ("%M:%S", "neither a day nor an hour"),
        ("%F %J", "J"),
        ("%c", "locale"),
        ("%T %Z", "abbreviation"),
        ("%F %", "%"),
        ("%\u{e4}", "directive"),
    ] {
        let error = TimeFormat::parse(format).unwrap_err();
        assert!(error.contains(expected), "{format:?}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read(
        seconds in EARLIEST..253_402_200_000_i64, nanos in 0_i32..1_000_000_000, east in -1439_i32..1440,
        before in "[ a-z\\[(]{0,20}[ \\[(]", behind in "[^0-9].{0,20}",
    ) {
        let zone = TimeZone::fixed(Offset::from_seconds(east * 60).unwrap());
        let Ok(time) = Timestamp::new(seconds, nanos) else { return Ok(()) };
        let zoned = time.to_zoned_datetime(zone.clone());
        prop_assume!((0..=9999).contains(&zoned.datetime().date().year()));
        for format in ["%Y-%m-%dT%H:%M:%S.%9f%:z", "%d/%b/%Y:%H:%M:%S.%9f %z", "%F %T,%9f"] {
            let line = format!("{before}{}{behind}", zoned.strftime(format));
            let read = TimeFormat::parse(format).unwrap().find(line.as_bytes(), time, &zone);
            prop_assert_eq!(read, Some(time), "{:?} in {:?}", format, line);
        }
    }

    #[test]
    fn without_a_year_it_is_within_a_year_before_now(
        now in 0_i64..4_000_000_000, apart in -30_900_000_i64..604_800,
    ) {
        let now = Timestamp::from_second(now).unwrap();
        let time = now.checked_add(SignedDuration::from_secs(apart)).unwrap();
        let line = Offset::UTC.to_datetime(time);
        prop_assume!((line.date().month(), line.date().day()) != (2, 29));
        let line = line.strftime("%b %e %T").to_string();
        let read = TimeFormat::parse("%b %e %T").unwrap().find(line.as_bytes(), now, &TimeZone::UTC);
        prop_assert_eq!(read, Some(time), "{} at {}", line, now);
    }

    #[test]
    fn any_line_is_read_in_any_format(
        format in "([%a-zA-Z0-9:./ -]|%[a-zA-Z]){0,12}", line in any::<Vec<u8>>(), now in 0_i64..4_000_000_000,
    ) {
        let now = Timestamp::from_second(now).unwrap();
        if let Ok(format) = TimeFormat::parse(&format)
            && let Some(time) = format.find(&line, now, &two_hours_east())
        {
            prop_assert!(time.as_second() >= EARLIEST);
        }
    }
}
