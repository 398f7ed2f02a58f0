use std::fs::File;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;
use crate::input::FileSettings;
use crate::input::read::composer::{LINE_MAX, STEP_ENCODED};
use crate::input::read::content::{Stat, open};
use crate::pipeline::position::SourceId;
use crate::syslog::Header;
use crate::text::PathTemplate;
use crate::text::{
    LineFormat, LineRule, Multiline, Redaction, Redactions, StreamSeverities, TextRules, Trace,
};

/// A file that is written and read.
struct Log {
    _dir: tempfile::TempDir,
    file: File,
    content: Content,
    source: Arc<Source>,
    position: Position,
    pending: Pending,
    reader: Reader,
    batch: Batch,
    settings: FileSettings,
    header: Header,
}

impl Log {
    /// Messages have at most `limit` bytes behind their header.
    fn new(limit: Option<usize>) -> Self {
        Self::with_header("h", limit)
    }

    fn with_header(hostname: &str, limit: Option<usize>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let file = File::create(&path).unwrap();
        let inode = Stat::at(&path).unwrap().inode;
        let content = Content::Plain(open(&path).unwrap());
        let settings = FileSettings {
            tag: Some(PathTemplate::literal("t")),
            ..FileSettings::plain(hostname, TextRules::default())
        };
        let header = settings.header(&path);
        let mut rendered = Vec::new();
        header.render("", &mut rendered);
        let limit = limit.map(|limit| limit + rendered.len());
        let source =
            Arc::new(Source { id: SourceId(0), order: 0, path: path.into(), real: None, inode });
        Self {
            _dir: dir,
            file,
            content,
            source,
            position: Position::default(),
            pending: Pending::default(),
            // Without a time, so that headers have one length.
            reader: Reader::new(Encoder::new(Framing::Newline, limit)),
            batch: Batch::default(),
            settings,
            header,
        }
    }

    /// What is done with the text of records.
    fn with_rules(mut self, rules: TextRules) -> Self {
        self.settings.text = Some(Arc::new(rules));
        self
    }

    fn size(&self) -> u64 {
        self.file.metadata().unwrap().len()
    }

    fn append(&self, bytes: &[u8]) {
        self.file.write_all_at(bytes, self.size()).unwrap();
    }

    fn read(&mut self) -> Read {
        let format = MessageFormat { header: &self.header, settings: &self.settings };
        let (content, source) = (&mut self.content, &self.source);
        let (position, pending) = (&mut self.position, &mut self.pending);
        let (bound, size, modified) = (u64::MAX, u64::MAX, 0);
        let mut place =
            ReadPlace { content, position, pending, format, bound, size, source, modified };
        self.reader.read(&mut place, &mut self.batch).unwrap()
    }

    /// Reads until there is nothing more, and returns how much is left unfinished.
    fn read_all(&mut self) -> usize {
        for _ in 0..100_000 {
            match self.read() {
                Read::Some { .. } => {}
                Read::End { unfinished } => return unfinished,
                Read::NotYet(until) => self.reader.now = until,
                Read::Undecided => return 0,
                Read::Wide(wide) => self.settings = self.settings.in_wide(wide),
                Read::Rewritten => panic!("nobody has written it anew"),
            }
        }
        panic!("reading does not end");
    }

    /// What is there without its end will have none.
    fn read_unfinished(&mut self) {
        let format = MessageFormat { header: &self.header, settings: &self.settings };
        let (content, source) = (&mut self.content, &self.source);
        let (position, pending) = (&mut self.position, &mut self.pending);
        let (bound, size, modified) = (u64::MAX, u64::MAX, 0);
        let mut place =
            ReadPlace { content, position, pending, format, bound, size, source, modified };
        self.reader.read_unfinished(&mut place, &mut self.batch).unwrap();
    }

    /// The texts of all messages so far.
    fn texts(&self) -> Vec<Vec<u8>> {
        let mut header = Vec::new();
        self.header.render("", &mut header);
        let starts = [0].into_iter().chain(self.batch.frames.iter().copied());
        let frames =
            starts.zip(&self.batch.frames).map(|(start, &end)| start as usize..end as usize);
        let texts = frames.map(|it| self.batch.bytes[it.start + header.len()..it.end - 1].to_vec());
        texts.collect()
    }
}

#[test]
fn a_batch_does_not_grow_with_the_number_of_lines_that_are_read_at_once() {
    for hostname in ["h", &"h".repeat(255)] {
        let mut log = Log::with_header(hostname, None);
        log.append(&vec![b'\n'; 2 * CHUNK]);
        let (mut lines, mut reads) = (0, 0);
        while matches!(log.read(), Read::Some { .. }) {
            let bytes = log.batch.bytes.len();
            assert!(bytes < ENCODED + STEP_ENCODED + 512, "{bytes}");
            assert!(log.batch.bytes.capacity() <= 2 * ENCODED, "{}", log.batch.bytes.capacity());
            lines += log.batch.len() as u64;
            // All up to the position, and nothing else.
            assert_eq!(lines, log.position.offset);
            assert!(log.batch.marks.iter().all(|mark| log.batch.frames.contains(&mark.end)));
            log.batch.clear();
            reads += 1;
        }
        assert_eq!(lines, 2 * CHUNK as u64);
        assert!(reads > 2);
    }
}

#[test]
fn what_is_filled_into_a_file_of_nuls_is_read_line_by_line() {
    for size in [100, PEEK, CHUNK, 3 * CHUNK + 17, 1 << 40].map(|size| size as u64) {
        let mut log = Log::new(None);
        log.append(b"before\n");
        log.file.set_len(7 + size).unwrap();
        assert_eq!((log.read_all(), log.position.offset), (0, 7));
        let (mut at, mut expected) = (7, vec![b"before".to_vec()]);
        for number in 0..5 {
            let line = format!("line {number}\n");
            let (begun, rest) = line.as_bytes().split_at(3);
            log.file.write_all_at(begun, at).unwrap();
            assert_eq!((log.read_all(), log.position.offset), (3, at));
            log.file.write_all_at(rest, at + 3).unwrap();
            assert_eq!(log.read_all(), 0);
            at += line.len() as u64;
            expected.push(line.trim_end().into());
            assert_eq!((log.position.offset, log.texts()), (at, expected.clone()));
            // It is known still that there is nothing behind.
            assert_eq!(log.pending.to, 7 + size);
        }
        log.file.set_len(at).unwrap();
        assert_eq!(log.read_all(), 0);
        log.append(b"after\n");
        log.read_all();
        assert_eq!((log.texts().len(), log.reader.counts.nuls), (7, 0));
    }
}

#[test]
fn nuls_between_records_are_skipped_and_counted_wherever_they_stand() {
    for size in [1, 100, PEEK, CHUNK - 6, CHUNK, 3 * CHUNK + 17, 1 << 33].map(|size| size as u64) {
        let mut log = Log::new(Some(1024));
        log.append(b"one\n");
        log.file.set_len(4 + size).unwrap();
        log.append(b"tw\0o\nthree\n");
        assert_eq!(log.read_all(), 0);
        assert_eq!(log.texts(), [&b"one"[..], b"tw o", b"three"]);
        assert_eq!((log.reader.counts.nuls, log.reader.counts.nuls_at), (size, 4));
        // The place is known by what lies before it.
        log.append(b"four\n");
        log.read_all();
        assert_eq!(log.texts().len(), 4);
    }
}

#[test]
fn behind_a_hole_utf16_is_read_by_whole_characters() {
    for size in [2 * CHUNK, 3 * CHUNK + 18, 1 << 33].map(|size| size as u64) {
        for bytes in [u16::to_be_bytes, u16::to_le_bytes] {
            let text = |text: &str| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
            let mut log = Log::new(None);
            log.append(&text("\u{FEFF}one\n"));
            log.read_all();
            log.file.set_len(log.size() + size).unwrap();
            log.append(&text("two\n\u{100}\n"));
            log.read_all();
            assert_eq!(log.texts(), [&b"one"[..], b"two", "\u{100}".as_bytes()], "{size}");
            assert_eq!((log.position.offset, log.reader.counts.nuls), (log.size(), size));
        }
    }
}

#[test]
fn nuls_that_were_last_are_waited_for_before_they_are_skipped() {
    for size in [9, PEEK as u64 + 9, CHUNK as u64 + 9] {
        for is_filled in [true, false] {
            let mut log = Log::new(None);
            log.file.set_len(size).unwrap();
            assert_eq!(log.read(), Read::End { unfinished: 0 });
            log.append(b"later\n");
            let Read::NotYet(until) = log.read() else { panic!("{size} {is_filled}") };
            assert_eq!(log.read(), Read::NotYet(until));
            if is_filled {
                let mut line = vec![b'x'; size as usize];
                line[size as usize - 1] = b'\n';
                log.file.write_all_at(&line, 0).unwrap();
            }
            log.reader.now = until;
            log.read_all();
            assert_eq!(log.texts().len(), 1 + usize::from(is_filled));
            assert_eq!(log.texts().pop().unwrap(), b"later");
        }
    }
}

#[test]
fn where_the_last_records_are_overwritten_no_more_than_those_come_again() {
    for padding in [3, 90, 2000] {
        let mut log = Log::new(None);
        let element = |number: usize| format!("{{{number} {}}}", "x".repeat(padding));
        log.append(format!("[\n{}\n]\n", element(0)).as_bytes());
        log.read_all();
        for number in 1..=9 {
            let more = format!(",\n{}\n]\n", element(number));
            // The bracket, and the newline of the element before it.
            log.file.write_all_at(more.as_bytes(), log.size() - 3).unwrap();
            // As it is after a restart.
            log.pending = Pending::default();
            log.read_all();
        }
        let texts = log.texts();
        // Each element as it was first, and with its comma.
        assert_eq!((texts.len(), log.reader.counts.overwritten), (3 + 3 * 9, 9));
        let again = |number| {
            let element = element(number).into_bytes();
            texts.iter().filter(|text| text.starts_with(&element)).count()
        };
        assert!((0..9).all(|number| again(number) == 2) && again(9) == 1);
    }
}

#[test]
fn what_is_written_anew_from_further_up_is_other_content() {
    let mut log = Log::new(None);
    log.append(b"one\ntwo\nthree\nfour\n");
    log.read_all();
    log.file.write_all_at(b"TWO\nthree\nfour\nfive\n", 4).unwrap();
    assert_eq!(log.read(), Read::Rewritten);
    // What is shorter was truncated, however much of it is the same.
    let mut log = Log::new(None);
    log.append(b"one\ntwo\nthree\nfour\n");
    log.read_all();
    log.file.set_len(14).unwrap();
    assert_eq!(log.read(), Read::Rewritten);
}

#[test]
fn a_line_without_end_is_looked_through_once() {
    let mut log = Log::new(None);
    log.append(b"before\n");
    let piece = vec![b'x'; 50_000];
    for round in 1..=40 {
        log.append(&piece);
        assert_eq!(log.read_all(), round * piece.len());
        assert_eq!(log.pending.to, log.size());
        assert_eq!(log.reader.buffer.capacity(), CHUNK);
    }
    // What was looked through is not looked through again.
    log.file.write_all_at(b"\n", 1_000_000).unwrap();
    log.append(b"x");
    assert_eq!(log.read_all(), 2_000_001);
    // And yet, when the end has come, two lines are two.
    log.append(b"\nnext\n");
    assert_eq!(log.read_all(), 0);
    let lengths: Vec<_> = log.texts().iter().map(Vec::len).collect();
    assert_eq!(lengths, [6, 1_000_000 - 7, 2_000_007 - 1_000_000, 4]);
    assert_eq!(log.reader.buffer.capacity(), CHUNK);
}

#[test]
fn a_line_that_is_longer_than_a_message_is_cut_and_its_rest_skipped() {
    for (limit, length) in [(Some(300_000), 2_000_000), (Some(100), 700_000), (None, 17 << 20)] {
        let mut log = Log::new(limit);
        log.append(&vec![b'x'; length]);
        log.read_all();
        log.append(b"yyy\nnext\n");
        log.read_all();
        let lengths: Vec<_> = log.texts().iter().map(Vec::len).collect();
        let cut = limit.unwrap_or(LINE_MAX + 1);
        assert_eq!((lengths, log.reader.counts.cut), (vec![cut, 4], 1), "{limit:?}");
        assert_eq!(log.reader.buffer.capacity(), CHUNK);
    }
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(b"\n".to_vec()),
        3 => "[a-z]{1,40}\n".prop_map(String::into_bytes),
        1 => "[a-z]{1,400}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 1..30),
        1 => (1usize..90).prop_map(|count| vec![0; count]),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn however_it_is_cut_into_reads_the_messages_are_the_same(
        content in content(), cuts in proptest::collection::vec(1usize..200, 0..20),
        limit in prop_oneof![Just(None), (1usize..100).prop_map(Some)],
    ) {
        let mut whole = Log::new(limit);
        whole.append(&content);
        let unfinished = whole.read_all();
        let mut cut = Log::new(limit);
        let mut rest = &content[..];
        for at in cuts {
            let (piece, behind) = rest.split_at(at.min(rest.len()));
            cut.append(piece);
            cut.read_all();
            rest = behind;
        }
        cut.append(rest);
        prop_assert_eq!(cut.read_all(), unfinished);
        prop_assert_eq!(cut.texts(), whole.texts());
        // Of what lies before a read less may be known.
        let starts = whole.position.starts;
        prop_assert_eq!(Position { starts, ..cut.position }, whole.position);
    }
}

/// Cards and one word are replaced.
fn redacting() -> TextRules {
    let word = Redaction::new("secret", "***").unwrap();
    let card = Redaction::preset("card").unwrap();
    TextRules { redactions: Redactions::new(vec![card, word]).into(), ..TextRules::default() }
}

const CARD: &str = "4111111111111111";

#[test]
fn a_message_is_cut_behind_redacting_and_not_within_what_is_replaced() {
    // The limit lies within the card; what is replaced is shorter than what stands there.
    let mut log = Log::new(Some(20)).with_rules(redacting());
    log.append(format!("0123456789{CARD} and more\n").as_bytes());
    log.append(format!("0123456789 {CARD} and more\n").as_bytes());
    log.read_all();
    assert_eq!(log.texts()[1], b"0123456789 [redacted");
    assert!(log.texts().iter().all(|text| text.len() <= 20));
}

#[test]
fn what_is_replaced_is_not_cut_where_a_line_is_too_long_to_be_read_whole() {
    for before in [CHUNK - 20, 2 * CHUNK, 300 << 10, (256 << 10) + 4090, (260 << 10) - 8] {
        let mut log = Log::new(Some(1000)).with_rules(redacting());
        // All that comes before is replaced by less than fits into a message.
        let mut line = "secret".repeat(before / 6);
        line.push_str(&format!(" {CARD} {CARD}"));
        line.push_str(&" x".repeat(CHUNK));
        log.append(line.as_bytes());
        log.append(b"\nthe next line\n");
        log.read_all();
        let texts = log.texts();
        assert_eq!(texts.len(), 2, "{before}");
        let text = String::from_utf8_lossy(&texts[0]);
        assert!(!text.contains("4111") && !text.contains("secret"), "{before}: {text}");
        assert_eq!(texts[1], b"the next line");
    }
}

#[test]
fn a_line_without_its_end_is_redacted_too() {
    let mut log = Log::new(None).with_rules(redacting());
    log.append(format!("\u{FEFF}the {CARD} of").as_bytes());
    assert_eq!(log.read_all(), 26);
    log.read_unfinished();
    assert_eq!(log.texts(), ["\u{FEFF}the [redacted] of".as_bytes()]);
}

proptest! {
    #[test]
    fn no_secret_passes_however_a_file_is_read(
        parts in proptest::collection::vec("secret|sec|ret|\n|\r\n|a |  4111111111111111  |\u{E9}", 0..60),
        limit in proptest::option::of(0usize..40),
        pieces in 1usize..6,
    ) {
        let mut log = Log::new(limit).with_rules(redacting());
        let text = parts.concat() + "\nend\n";
        for piece in text.as_bytes().chunks(text.len().div_ceil(pieces)) {
            log.append(piece);
            log.read_all();
        }
        for (message, line) in log.texts().iter().zip(text.lines()) {
            let message = String::from_utf8_lossy(message);
            prop_assert!(!message.contains("secret") && !message.contains("4111"), "{message}");
            if limit.is_none() {
                let expected = line.replace("secret", "***").replace(CARD, "[redacted]");
                prop_assert_eq!(message.trim_end(), expected.trim_end());
            }
        }
        prop_assert_eq!(log.texts().len(), text.lines().count());
    }
}

/// Traces of Java among single lines.
fn joining(max_lines: usize) -> TextRules {
    let multiline = Multiline::new(LineRule::Trace(Trace::Java));
    TextRules {
        multiline: Some(Multiline { max_lines, ..multiline }.into()),
        ..TextRules::default()
    }
}

/// What `Log::read_all` leaves undecided is all there is.
fn read_last(log: &mut Log) {
    log.read_all();
    let format = MessageFormat { header: &log.header, settings: &log.settings };
    let (content, source) = (&mut log.content, &log.source);
    let (position, pending) = (&mut log.position, &mut log.pending);
    let (bound, size, modified) = (u64::MAX, u64::MAX, 0);
    let mut place = ReadPlace { content, position, pending, format, bound, size, source, modified };
    log.reader.read_undecided(&mut place, &mut log.batch).unwrap();
    log.read_all();
}

#[test]
fn of_a_joined_message_that_is_dropped_each_line_counts() {
    let lines = ["java.lang.Error: x", "\tat a.b", "\tat secret", "two"];
    let cri = |line: &&str| format!("2026-11-29T10:20:30Z stdout F {line}\n");
    let in_cri: String = lines.iter().map(cri).collect();
    for (format, text, dropped) in [
        (None, lines.map(|line| format!("{line}\n")).concat(), 3),
        (Some(LineFormat::Cri(StreamSeverities::default())), in_cri.clone(), 3),
        // One of them in two parts.
        (
            Some(LineFormat::Cri(StreamSeverities::default())),
            in_cri.replace("F \tat secret", "P \tat sec\n2026-11-29T10:20:30Z stdout F ret"),
            4,
        ),
    ] {
        let mut log = Log::new(None).with_rules(TextRules { format, ..joining(9) });
        let exclude = crate::filter::Patterns::new(&["secret"]).unwrap();
        log.settings.filter = Arc::new(crate::filter::LineFilter::new(Default::default(), exclude));
        log.append(text.as_bytes());
        read_last(&mut log);
        let texts = log.texts();
        assert!(texts.len() == 1 && texts[0].ends_with(b"two"), "{text}");
        let Counts { lines, excluded, .. } = log.reader.counts;
        assert_eq!((lines, excluded), (dropped + 1, dropped), "{text}");
    }
}

#[test]
fn a_joined_message_has_no_blank_at_its_end_whatever_is_replaced_in_it() {
    let end = crate::filter::Re2Pattern::new(r"^\s*$").unwrap();
    let multiline = Multiline::new(LineRule::Continuation(crate::text::LinePattern::new(end)));
    let redactions = Redactions::new(vec![Redaction::new("pw=x$", "[redacted]").unwrap()]).into();
    let rules = TextRules { multiline: Some(multiline.into()), redactions, ..TextRules::default() };
    for text in ["a pw=x\r\n\r\nb\n", "a pw=x\n\nb\n", "a pw=x\nb\n"] {
        let mut log = Log::new(None).with_rules(rules.clone());
        log.append(text.as_bytes());
        log.read_all();
        assert_eq!(log.texts(), [b"a [redacted]"], "{text:?}");
    }
}

#[test]
fn a_line_of_another_form_says_nothing_of_the_message_it_stands_in() {
    let severities = StreamSeverities { stderr: "err".parse().ok(), stdout: None };
    let time = "2026-11-29T10:20:30Z";
    let rules = TextRules {
        format: Some(LineFormat::Cri(severities)),
        multiline: Some(joining(9).multiline.unwrap()),
        ..TextRules::default()
    };
    let mut log = Log::new(None).with_rules(rules);
    log.append(
        format!("{time} stderr P a\nodd\n{time} stderr F b\n{time} stderr F c\n").as_bytes(),
    );
    log.read_all();
    let frame = String::from_utf8(log.batch.bytes.clone()).unwrap();
    assert!(frame.starts_with(&format!("<11>1 {time} h t")) && frame.contains("odd"), "{frame}");
}

proptest! {
    #[test]
    fn traces_are_joined_however_the_file_is_read_and_positions_stand_between_messages(
        lines in proptest::collection::vec("(\tat |Caused by: |java\\.lang\\.XError: |)[a-c]{0,40}(\r)?", 1..60),
        pieces in 1usize..9, max_lines in 1usize..20, long in 0usize..3,
    ) {
        let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        text.insert_str(0, &"\tat x\n".repeat(long * 20_000));
        let read = |pieces: usize| {
            let mut log = Log::new(None).with_rules(joining(max_lines));
            for piece in text.as_bytes().chunks(text.len().div_ceil(pieces)) {
                log.append(piece);
                let before = log.batch.len();
                log.read_all();
                let offset = log.position.offset as usize;
                assert!(offset == 0 || text.as_bytes()[offset - 1] == b'\n');
                assert!(log.batch.marks.iter().all(|mark| {
                    mark.end == 0 || log.batch.frames[before..].is_empty() || log.batch.frames.contains(&mark.end)
                }));
            }
            read_last(&mut log);
            assert_eq!(log.position.offset as usize, text.len());
            (log.texts(), log.reader.counts.lines)
        };
        let (whole, count) = read(1);
        prop_assert_eq!(count as usize, text.lines().count());
        prop_assert_eq!(read(pieces), (whole, count));
    }

    #[test]
    fn utf16_is_sent_as_utf8_however_the_file_is_read(
        text in "[a-c\n\u{0A0A}\u{100}\u{1F600}]{0,60}", pieces in 1usize..9, big: bool,
    ) {
        let text = format!("{text}\n");
        let units = format!("\u{FEFF}{text}");
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let content: Vec<u8> = units.encode_utf16().flat_map(bytes).collect();
        let mut log = Log::new(None);
        for piece in content.chunks(content.len().div_ceil(pieces)) {
            log.append(piece);
            log.read_all();
        }
        let expected: Vec<_> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        prop_assert_eq!(log.texts(), expected);
        prop_assert_eq!(log.position.offset as usize, content.len());
    }
}
