//! Text in other encodings than UTF-8. Pure.

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memchr_iter;

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineEncoding(&'static Encoding);

/// An encoding in which a newline is two bytes, and any other byte may be one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wide {
    /// UTF-16, the lower byte first.
    Little,
    /// UTF-16, the higher byte first.
    Big,
}

impl LineEncoding {
    /// The encoding that a label of the WHATWG's list means (<https://encoding.spec.whatwg.org/#names-and-labels>). None where it
    /// is none of these, or UTF-8, which needs no name.
    #[must_use]
    pub fn named(label: &str) -> Option<Self> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        (encoding != REPLACEMENT && encoding != UTF_8).then_some(Self(encoding))
    }

    /// Its name on the web.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// How newlines are found in it, where that is not by a byte.
    #[must_use]
    pub fn wide(self) -> Option<Wide> {
        match self.0 {
            it if it == UTF_16LE => Some(Wide::Little),
            it if it == UTF_16BE => Some(Wide::Big),
            _ => None,
        }
    }

    /// Appends a line, of which the newline is gone, to `out` in UTF-8. What is not valid stays as it is.
    pub(super) fn decode(self, line: &[u8], out: &mut Vec<u8>) {
        match self.0.decode_without_bom_handling_and_without_replacement(line) {
            Some(text) => {
                let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
                out.extend_from_slice(text.strip_suffix('\r').unwrap_or(text).as_bytes());
            }
            None => out.extend_from_slice(line),
        }
    }
}

impl Wide {
    /// What the byte order mark says with which a file may begin.
    #[must_use]
    pub fn of_mark(start: &[u8]) -> Option<Self> {
        match start {
            [0xFF, 0xFE, ..] => Some(Self::Little),
            [0xFE, 0xFF, ..] => Some(Self::Big),
            _ => None,
        }
    }

    /// It, as an encoding.
    #[must_use]
    pub fn encoding(self) -> LineEncoding {
        match self {
            Self::Little => LineEncoding(UTF_16LE),
            Self::Big => LineEncoding(UTF_16BE),
        }
    }

    /// A newline.
    #[must_use]
    pub fn newline(self) -> &'static [u8] {
        match self {
            Self::Little => b"\n\0",
            Self::Big => b"\0\n",
        }
    }

    /// Where the newlines in `text` end, which begins with a whole character.
    pub fn newlines(self, text: &[u8]) -> impl Iterator<Item = usize> + '_ {
        memchr_iter(b'\n', text).filter_map(move |at| match self {
            Self::Little => (at % 2 == 0 && text.get(at + 1) == Some(&0)).then_some(at + 2),
            Self::Big => (at % 2 == 1 && text[at - 1] == 0).then_some(at + 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_web() {
        for name in ["latin1", "ISO-8859-1", "windows-1252", "utf-16le", "Shift_JIS", "gb18030"] {
            assert!(LineEncoding::named(name).is_some(), "{name}");
        }
        for name in ["utf-8", "UTF8", "nonsense", "", "iso-2022-kr"] {
            assert!(LineEncoding::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn text_is_decoded_and_what_is_not_valid_stays() {
        let decoded = |name: &str, line: &[u8]| {
            let mut out = Vec::new();
            LineEncoding::named(name).unwrap().decode(line, &mut out);
            out
        };
        assert_eq!(decoded("latin1", b"gr\xF6\xDFe\r"), "gr\u{F6}\u{DF}e".as_bytes());
        assert_eq!(decoded("utf-16le", b"\xFF\xFEa\0\xAC\x20\r\0"), "a\u{20AC}".as_bytes());
        assert_eq!(decoded("utf-16be", b"\0a\x20\xAC"), "a\u{20AC}".as_bytes());
        assert_eq!(decoded("utf-16le", b"a\0\x00\xD8"), b"a\0\x00\xD8");
        assert_eq!(decoded("shift_jis", b"\x83\x5C"), "\u{30BD}".as_bytes());
    }

    #[test]
    fn newlines_are_characters_and_not_bytes() {
        // U+0A0A, a newline, U+000A as halves of two others.
        let little = [0x0A, 0x0A, 0x0A, 0, 0x41, 0x0A, 0, 0x41, 0x0A, 0];
        assert_eq!(Wide::Little.newlines(&little).collect::<Vec<_>>(), [4, 10]);
        let big: Vec<u8> = little.chunks(2).flat_map(|unit| [unit[1], unit[0]]).collect();
        assert_eq!(Wide::Big.newlines(&big).collect::<Vec<_>>(), [4, 10]);
        assert_eq!(Wide::of_mark(b"\xFF\xFEa"), Some(Wide::Little));
        assert_eq!(Wide::of_mark(b"\xFE"), None);
    }
}
