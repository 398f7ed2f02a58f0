use std::fs::File;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;
use crate::input::read::content::{Stat, open};
use crate::pipeline::position::SourceId;
use crate::syslog::{Facility, Priority, Severity};

/// A file that is written and read.
struct Log {
    _dir: tempfile::TempDir,
    file: File,
    content: Content,
    source: Arc<Source>,
    position: Position,
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
            priority: Priority::new(Facility::USER, Severity::NOTICE),
            hostname: hostname.to_owned(),
            token: None,
            tag: Some("t".to_owned()),
            exclude: Arc::default(),
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
            // Without a time, so that headers have one length.
            reader: Reader::new(Encoder::new(Framing::Newline, limit)),
            batch: Batch::default(),
            settings,
            header,
        }
    }

    fn size(&self) -> u64 {
        self.file.metadata().unwrap().len()
    }

    fn append(&self, bytes: &[u8]) {
        self.file.write_all_at(bytes, self.size()).unwrap();
    }

    fn read(&mut self) -> Read {
        let format = MessageFormat { header: &self.header, settings: &self.settings };
        let (content, position, source) = (&mut self.content, &mut self.position, &self.source);
        let (bound, size, modified) = (u64::MAX, u64::MAX, 0);
        let mut place = Place { content, position, format, bound, size, source, modified };
        self.reader.read(&mut place, &mut self.batch).unwrap()
    }

    /// Reads until there is nothing more, and returns how much is left unfinished.
    fn read_all(&mut self) -> usize {
        for _ in 0..100_000 {
            match self.read() {
                Read::Some { .. } => {}
                Read::End { unfinished } => return unfinished,
                Read::Rewritten => panic!("nobody has written it anew"),
            }
        }
        panic!("reading does not end");
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

fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(b"\n".to_vec()),
        3 => "[a-z]{1,40}\n".prop_map(String::into_bytes),
        1 => "[a-z]{1,400}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 1..30),
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
        prop_assert_eq!(cut.position, whole.position);
    }
}
