//! Which time the message of a line would carry.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::line::SentLine;
use super::{GOOD, ODD, Out};
use crate::config::FileEntry;
use crate::shown::Show;
use crate::syslog::{MessageTime, Timestamps};

/// Says it of `line`, wherever the time is not that of reading: once, or for each of the entries where
/// these do not all say the same.
pub(super) fn show(entries: &[FileEntry], line: &SentLine<'_>, out: Out<'_>) -> io::Result<()> {
    if let Some(time) = line.time {
        let time = String::from_utf8_lossy(time.bytes());
        return writeln!(out, "  time: {GOOD}{time}{GOOD:#}, as it is written");
    }
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    let is_one = entries.windows(2).all(|two| two[0].messages.time() == two[1].messages.time());
    for entry in entries.iter().take(if is_one { 1 } else { usize::MAX }) {
        let of = match is_one {
            true => String::new(),
            false => format!(" in {}", entry.glob.text().shown()),
        };
        match entry.messages.time() {
            MessageTime::Read if is_one => {}
            MessageTime::Read => writeln!(out, "  time{of}: when it is read")?,
            MessageTime::Written(None) => {
                writeln!(out, "  time{of}: when its file was modified last")?;
            }
            MessageTime::Written(Some(format)) => match format.find(&line.text, now, &zone) {
                Some(time) => {
                    let time = Timestamps::new(zone.clone()).of(time).to_owned();
                    writeln!(out, "  time{of}: {GOOD}{time}{GOOD:#}, as it is written")?;
                }
                None => writeln!(
                    out,
                    "  time{of}: when its file was modified last, for {ODD}no time is written{ODD:#} \
                     in it as {}",
                    format.text().shown()
                )?,
            },
        }
    }
    Ok(())
}
