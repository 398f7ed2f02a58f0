use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::syslog::Framing;
use crate::text::{LineEncoding, LineFormat, Multiline, PathTemplate, TextRules, Trace};

fn settings(rules: TextRules) -> Arc<FileSettings> {
    Arc::new(FileSettings::plain("h", rules))
}

fn stream(limit: Option<usize>, rules: TextRules) -> StreamLines {
    let inode = Inode { device: 0, number: 0, born: None };
    let encoder = Encoder::new(Framing::Newline, limit);
    StreamLines::new(encoder, Path::new("stdin"), settings(rules), inode)
}

/// The texts of the messages that the pieces make, each as soon as it has come.
fn texts(stream: &mut StreamLines, pieces: &[&[u8]]) -> Vec<String> {
    let (mut texts, now) = (Vec::new(), Instant::now());
    for piece in pieces {
        stream.push(piece);
        let _ = fill(stream, &mut texts, now);
    }
    stream.end_line();
    loop {
        match fill(stream, &mut texts, now + Duration::from_secs(9)) {
            StreamLeft::Undecided(_) => {
                let mut batch = Batch::default();
                stream.decide(&mut batch, now, 0).unwrap();
                texts.extend(texts_in(&batch));
            }
            StreamLeft::Beginning => return texts,
            left => panic!("{left:?} at the end"),
        }
    }
}

fn fill(stream: &mut StreamLines, texts: &mut Vec<String>, now: Instant) -> StreamLeft {
    loop {
        let mut batch = Batch::default();
        let left = stream.fill(&mut batch, now, 0).unwrap();
        assert!(batch.marks.is_empty(), "it has no positions");
        texts.extend(texts_in(&batch));
        if left != StreamLeft::More {
            return left;
        }
    }
}

fn texts_in(batch: &Batch) -> impl Iterator<Item = String> {
    let text = |line: &[u8]| {
        let text = line.splitn(8, |&byte| byte == b' ').last().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    batch
        .bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(move |line| text(&line[..line.len() - 1]))
}

/// Cuts `bytes` at these places, as far as there are such.
fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn however_it_comes_each_line_is_a_message(
        lengths in vec(prop_oneof![0usize..40, 1000usize..3000, 60_000usize..80_000], 0..12),
        cuts in vec(any::<usize>(), 0..8),
        ends in any::<bool>(),
    ) {
        let line = |(at, length): (usize, &usize)| format!("{at}").repeat(length / 2);
        let lines: Vec<_> = lengths.iter().enumerate().map(line).collect();
        let mut bytes: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut expected = lines.clone();
        if !ends {
            // A line without anything and without its end is none.
            bytes.pop();
            expected.pop_if(|last| last.is_empty());
        }
        let mut stream = stream(None, TextRules::default());
        let sent = texts(&mut stream, &cut(bytes.as_bytes(), &cuts));
        prop_assert_eq!(stream.unread(), 0);
        prop_assert!(sent == expected, "{} of {} messages", sent.len(), expected.len());
    }

    #[test]
    fn however_it_comes_a_trace_is_one_message(cuts in vec(any::<usize>(), 0..8), ends in any::<bool>()) {
        let mut bytes = "one\n\tat a\n\tat b\ntwo\nthree\n\tat c\n".to_owned();
        if !ends {
            bytes.pop();
        }
        let multiline = Multiline::new(crate::text::LineRule::Trace(Trace::Indent));
        let rules = TextRules { multiline: Some(Arc::new(multiline)), ..TextRules::default() };
        let sent = texts(&mut stream(None, rules), &cut(bytes.as_bytes(), &cuts));
        prop_assert_eq!(sent, ["one\\n\tat a\\n\tat b", "two", "three\\n\tat c"]);
    }

    #[test]
    fn however_it_comes_other_encodings_are_told_by_their_mark(cuts in vec(any::<usize>(), 0..4)) {
        let text = "\u{FEFF}caf\u{e9}\n\u{e9}nd";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        // A single byte is no mark yet, and no line either.
        let sent = texts(&mut stream(None, TextRules::default()), &cut(&bytes, &cuts));
        prop_assert_eq!(sent, ["caf\u{e9}", "\u{e9}nd"]);
        let format = LineFormat::Encoded(LineEncoding::named("latin1").unwrap());
        let rules = TextRules { format: Some(format), ..TextRules::default() };
        let sent = texts(&mut stream(None, rules), &cut(b"caf\xe9\nend", &cuts));
        prop_assert_eq!(sent, ["caf\u{e9}", "end"]);
    }
}

#[test]
fn a_line_that_is_too_long_is_cut_once_and_takes_no_memory_behind_its_limit() {
    let mut stream = stream(Some(1000), TextRules::default());
    let (mut sent, now) = (Vec::new(), Instant::now());
    for _ in 0..200 {
        stream.push(&[b'x'; 64 << 10]);
        fill(&mut stream, &mut sent, now);
        assert!(stream.unread() <= 512 << 10, "{}", stream.unread());
    }
    stream.push(b"\nnext\n");
    fill(&mut stream, &mut sent, now);
    assert_eq!((sent.len(), &*sent[1]), (2, "next"));
    assert_eq!(stream.counts().1.cut, 1);
}

#[test]
fn a_line_of_any_length_is_whole_where_there_is_no_limit() {
    let long = "y".repeat(5 << 20);
    let pieces: Vec<_> = long.as_bytes().chunks(64 << 10).collect();
    let sent = texts(&mut stream(None, TextRules::default()), &pieces);
    assert!(sent == [long]);
}

#[test]
fn what_is_changed_holds_from_then_on() {
    let mut stream = stream(None, TextRules::default());
    let mut batch = Batch::default();
    stream.push(b"one\n");
    stream.fill(&mut batch, Instant::now(), 0).unwrap();
    let tagged = FileSettings {
        tag: Some(PathTemplate::literal("new")),
        ..(*settings(TextRules::default())).clone()
    };
    stream.change(Encoder::new(Framing::OctetCounted, None), Arc::new(tagged));
    batch.clear();
    stream.push(b"two\n");
    stream.fill(&mut batch, Instant::now(), 0).unwrap();
    let sent = String::from_utf8(batch.bytes).unwrap();
    assert_eq!(batch.framing, Framing::OctetCounted);
    assert!(sent.ends_with(" h new - - - two"), "{sent}");
}
