//! Random patterns in the syntax of RE2, and lines that they may match.

use fastrand::Rng;

/// What lines are made of, and patterns too, as far as it has no meaning there.
const CHARACTERS: [&str; 40] = [
    "a", "b", "c", "k", "K", "s", "S", "x", "A", "Z", "0", "1", "7", "9", "_", "-", " ", "\t", ":",
    "<", ">", "\"", "/", ",", "=", "&", "~", "{", "}", "]", "é", "É", "ß", "ſ", "\u{212A}", "π",
    "Σ", "日", "😀", "\u{FFFD}",
];
/// What means something.
const SIGNS: [&str; 16] =
    [".", "^", "$", "|", "(", ")", "[", "]", "{", "}", "*", "+", "?", "\\", "(?", ":"];
const ESCAPES: [&str; 44] = [
    "\\.",
    "\\-",
    "\\_",
    "\\<",
    "\\>",
    "\\\"",
    "\\/",
    "\\{",
    "\\}",
    "\\[",
    "\\]",
    "\\(",
    "\\)",
    "\\|",
    "\\*",
    "\\+",
    "\\?",
    "\\^",
    "\\$",
    "\\\\",
    "\\ ",
    "\\&",
    "\\~",
    "\\n",
    "\\t",
    "\\r",
    "\\f",
    "\\v",
    "\\a",
    "\\x41",
    "\\x{61}",
    "\\x{3C0}",
    "\\x{FFFD}",
    "\\x7f",
    "\\x{D800}",
    "\\101",
    "\\060",
    "\\0",
    "\\7",
    "\\12",
    "\\141",
    "\\377",
    "\\x{1F600}",
    "\\x09",
];
const PERL: [&str; 6] = ["\\d", "\\D", "\\s", "\\S", "\\w", "\\W"];
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];
/// What has not changed for a long time.
const UNICODE: [&str; 24] = [
    "\\pL",
    "\\PL",
    "\\p{Lu}",
    "\\P{Lu}",
    "\\p{Ll}",
    "\\p{^Ll}",
    "\\P{^Lu}",
    "\\pN",
    "\\p{Nd}",
    "\\PN",
    "\\p{Greek}",
    "\\p{^Greek}",
    "\\P{Greek}",
    "\\p{Latin}",
    "\\P{Latin}",
    "\\p{Han}",
    "\\pZ",
    "\\p{Zs}",
    "\\p{Any}",
    "\\pS",
    "\\pP",
    "\\pM",
    "\\p{Cyrillic}",
    "\\p{Lt}",
];
const LOOKS: [&str; 6] = ["^", "$", "\\b", "\\B", "\\A", "\\z"];
const TIMES: [&str; 20] = [
    "*", "+", "?", "*?", "+?", "??", "{0}", "{1}", "{2}", "{3}?", "{0,1}", "{0,}", "{1,}", "{1,3}",
    "{2,4}?", "{,2}", "{01}", "{1,2", "{ 1}", "{1,,2}",
];
const FLAGS: [&str; 16] = [
    "i", "m", "s", "U", "-i", "-m", "-s", "-U", "im", "i-s", "", "is-mU", "mi", "ii", "-is", "s-i",
];

/// A source of both.
pub struct Grammar {
    rng: Rng,
}

impl Grammar {
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed) }
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.rng.usize(..words.len())]
    }

    /// One time in `times`.
    fn rarely(&mut self, times: u32) -> bool {
        self.rng.u32(..times) == 0
    }

    /// A pattern. One in eight is damaged somewhere, so that it may be none.
    pub fn pattern(&mut self) -> String {
        let mut pattern = self.alternatives(3);
        while self.rarely(8) {
            self.damage(&mut pattern);
        }
        pattern
    }

    fn damage(&mut self, pattern: &mut String) {
        let places: Vec<_> = pattern.char_indices().map(|(at, _)| at).collect();
        if places.is_empty() {
            return;
        }
        let at = places[self.rng.usize(..places.len())];
        match self.rng.u32(..3) {
            0 => drop(pattern.remove(at)),
            1 => pattern.truncate(at),
            _ => {
                let sign = self.pick(&SIGNS);
                pattern.insert_str(at, sign);
            }
        }
    }

    fn alternatives(&mut self, depth: u32) -> String {
        let mut pattern = self.sequence(depth);
        while self.rarely(4) {
            pattern.push('|');
            if !self.rarely(6) {
                pattern += &self.sequence(depth);
            }
        }
        pattern
    }

    fn sequence(&mut self, depth: u32) -> String {
        let mut pattern = String::new();
        for _ in 0..self.rng.u32(1..5) {
            pattern += &self.atom(depth);
            if self.rarely(3) {
                pattern += self.pick(&TIMES);
            }
        }
        pattern
    }

    fn atom(&mut self, depth: u32) -> String {
        match self.rng.u32(..if depth == 0 { 24 } else { 32 }) {
            0..9 => self.pick(&CHARACTERS).to_owned(),
            9..12 => self.pick(&ESCAPES).to_owned(),
            12..15 => ".".to_owned(),
            15 => self.pick(&PERL).to_owned(),
            16 => self.pick(&UNICODE).to_owned(),
            17..19 => self.pick(&LOOKS).to_owned(),
            19..23 => self.class(),
            23 => self.quoted(),
            24..27 => format!("({})", self.alternatives(depth - 1)),
            27..29 => format!("(?:{})", self.alternatives(depth - 1)),
            29 => format!("(?P<n>{})", self.alternatives(depth - 1)),
            30 => format!("(?{}:{})", self.pick(&FLAGS), self.alternatives(depth - 1)),
            _ => format!("(?{})", self.pick(&FLAGS)),
        }
    }

    fn quoted(&mut self) -> String {
        let words: Vec<_> = (0..self.rng.u32(..3)).map(|_| self.pick(&SIGNS)).collect();
        let end = if self.rarely(4) { "" } else { "\\E" };
        format!("\\Q{}{end}", words.concat())
    }

    fn class(&mut self) -> String {
        let mut class = "[".to_owned();
        if self.rarely(3) {
            class.push('^');
        }
        if self.rarely(8) {
            class.push(']');
        }
        for _ in 0..self.rng.u32(1..5) {
            class += &self.member();
        }
        if self.rarely(5) {
            class.push('-');
        }
        class.push(']');
        class
    }

    fn member(&mut self) -> String {
        match self.rng.u32(..16) {
            0..6 => self.pick(&CHARACTERS).replace(']', "a"),
            6..8 => self.pick(&ESCAPES).to_owned(),
            8 => self.pick(&PERL).to_owned(),
            9 => self.pick(&UNICODE).to_owned(),
            10 => format!("[:{}:]", self.pick(&POSIX)),
            11 => format!("[:^{}:]", self.pick(&POSIX)),
            12 => self
                .pick(&["&&", "~~", "--", "[", "[:", ":", "^", "$", ".", "|", "(", "-"])
                .to_owned(),
            _ => {
                let ends = [self.end_of_range(), self.end_of_range()];
                if self.rarely(12) {
                    return ends.join("-");
                }
                let code = |end: &str| end.chars().last();
                let (low, high) = if code(ends[0]) <= code(ends[1]) { (0, 1) } else { (1, 0) };
                format!("{}-{}", ends[low], ends[high])
            }
        }
    }

    fn end_of_range(&mut self) -> &'static str {
        self.pick(&[
            "!", "-", "+", "0", "9", "A", "F", "Z", "a", "c", "k", "z", "~", "é", "π", "日",
        ])
    }

    /// A line that has something of `pattern` in it, or not. One in five is not UTF-8.
    pub fn line(&mut self, pattern: &str) -> Vec<u8> {
        let of_pattern: Vec<char> = pattern.chars().collect();
        let mut line = Vec::new();
        let is_broken = self.rarely(5);
        for _ in 0..self.rng.u32(..9) {
            let mut buffer = [0; 4];
            let piece: &[u8] = match self.rng.u32(..8) {
                0..4 if !of_pattern.is_empty() => {
                    let c = of_pattern[self.rng.usize(..of_pattern.len())];
                    c.encode_utf8(&mut buffer).as_bytes()
                }
                7 if is_broken => BROKEN[self.rng.usize(..BROKEN.len())],
                _ => self.pick(&CHARACTERS).as_bytes(),
            };
            line.extend_from_slice(piece);
        }
        line.retain(|&byte| byte != b'\n');
        line
    }
}

/// No UTF-8: a lone continuation, beginnings without their end, half a surrogate pair, too long a
/// form, beyond the last character.
const BROKEN: [&[u8]; 8] = [
    b"\x80",
    b"\xFF",
    b"\xC3",
    b"\xE2\x82",
    b"\xF0\x9F\x98",
    b"\xED\xA0\x80",
    b"\xC0\x80",
    b"\xF4\x90\x80\x80",
];
