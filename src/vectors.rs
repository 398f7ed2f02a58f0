//! What the processor's vector instructions tell of a text, 64 bytes at a time. Pure.
//!
//! Beside [`crate::sys`] the only room with unsafe code: what needs an instruction that not every processor has is
//! called only where the processor has it. The instructions themselves are safe there.
#![allow(unsafe_code)]

/// So many bytes are looked at together: there is one bit for each in a [`u64`].
pub(crate) const BLOCK: usize = 64;

/// Some sets of ASCII bytes, which are looked for together.
///
/// A set is the union of parts: all bytes whose lower four bits are among some and whose upper four bits are among some
/// others. So two looks into tables of 16 entries tell in which parts a byte is, for 32 bytes in one instruction each
/// (D. Lemire and G. Langdale, "Parsing Gigabytes of JSON per Second", 2019, section 3.1.2).
#[derive(Debug, Clone)]
pub(crate) struct ByteKinds<const N: usize> {
    /// In which parts a byte may be by its lower four bits: one bit for each part.
    low: [u8; 16],
    /// The same by its upper four bits.
    high: [u8; 16],
    /// Of which parts each set consists.
    parts: [u8; N],
    /// The processor has AVX2, BMI1 and BMI2. Said by [`Self::new`] alone.
    is_fast: bool,
}

impl<const N: usize> ByteKinds<N> {
    /// For these sets. None where they have a byte that is not ASCII, or more than eight parts together.
    pub(crate) fn new(sets: [&[bool; 256]; N]) -> Option<Self> {
        // The lower bits of a part, and the upper ones, as sets of 16.
        let mut known: Vec<(u16, u16)> = Vec::new();
        let mut parts = [0; N];
        for (set, parts) in sets.iter().zip(&mut parts) {
            if set[0x80..].contains(&true) {
                return None;
            }
            for part in parts_of(set) {
                let place = known.iter().position(|it| *it == part).unwrap_or_else(|| {
                    known.push(part);
                    known.len() - 1
                });
                *parts |= 1u8.checked_shl(place as u32)?;
            }
        }
        let table = |upper: bool| {
            let named = |at: usize| {
                let parts = known.iter().enumerate();
                let named = parts
                    .filter(|(_, (low, high))| (if upper { high } else { low } >> at) & 1 == 1);
                named.fold(0, |all, (place, _)| all | 1 << place)
            };
            std::array::from_fn(named)
        };
        Some(Self { low: table(false), high: table(true), parts, is_fast: is_fast() })
    }

    /// Whether the processor has the instructions for it. Elsewhere bytes are looked at one by one.
    pub(crate) fn is_fast(&self) -> bool {
        self.is_fast
    }

    /// Shows `judge` one block of `text` after the other, until it has found something: where it begins, and for each
    /// set which of the [`BLOCK`] bytes from there on are in it, the first in the lowest bit. What would be behind the
    /// text is in none.
    #[inline]
    pub(crate) fn find<R>(
        &self,
        text: &[u8],
        judge: impl FnMut(usize, [u64; N]) -> Option<R>,
    ) -> Option<R> {
        #[cfg(target_arch = "x86_64")]
        if self.is_fast {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { x86::find(self, text, judge) };
        }
        self.find_one_by_one(text, judge)
    }

    fn find_one_by_one<R>(
        &self,
        text: &[u8],
        mut judge: impl FnMut(usize, [u64; N]) -> Option<R>,
    ) -> Option<R> {
        let blocks = text.chunks(BLOCK).enumerate();
        let mut judged = blocks.map(|(number, block)| {
            let mut maps = [0; N];
            for (at, &byte) in block.iter().enumerate() {
                let class = self.low[usize::from(byte & 15)] & self.high[usize::from(byte >> 4)];
                for (map, parts) in maps.iter_mut().zip(self.parts) {
                    *map |= u64::from(class & parts != 0) << at;
                }
            }
            judge(number * BLOCK, maps)
        });
        judged.find_map(|found| found)
    }
}

/// Tells where each newline of `text` is, one behind the other. Where lines are not long, that is quicker than to search
/// for one after the other.
#[inline]
pub(crate) fn each_newline(text: &[u8], tell: impl FnMut(usize)) {
    #[cfg(target_arch = "x86_64")]
    if is_fast() {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { x86::each_newline(text, tell) };
    }
    memchr::memchr_iter(b'\n', text).for_each(tell);
}

/// So many bytes of a string are looked at together by [`in_string`].
pub(crate) const PIECE: usize = 16;

/// What stands in a piece of a string of JSON (RFC 8259, section 7), a bit for each byte, the first in the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InString {
    /// A quote, a backslash, or a control character, which must not stand there as it is.
    pub(crate) special: u32,
    /// Not ASCII.
    pub(crate) wide: u32,
}

/// Looks at a piece of a string.
#[inline]
pub(crate) fn in_string(piece: &[u8; PIECE]) -> InString {
    // SAFETY: every processor of this kind has SSE2.
    #[cfg(target_arch = "x86_64")]
    return unsafe { x86::in_string(piece) };
    #[cfg(not(target_arch = "x86_64"))]
    one_by_one(piece)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn one_by_one(piece: &[u8; PIECE]) -> InString {
    let bits = |is: fn(u8) -> bool| {
        piece.iter().enumerate().fold(0, |all, (at, &byte)| all | u32::from(is(byte)) << at)
    };
    InString {
        special: bits(|byte| matches!(byte, b'"' | b'\\' | ..=0x1F)),
        wide: bits(|byte| !byte.is_ascii()),
    }
}

/// The parts of a set of ASCII bytes: the lower four bits, and the upper ones that go with all of them.
fn parts_of(set: &[bool; 256]) -> Vec<(u16, u16)> {
    let mut parts: Vec<(u16, u16)> = Vec::new();
    for high in 0..8 {
        let row = &set[high * 16..][..16];
        let low = (0..16).filter(|&at| row[at]).fold(0, |all: u16, at| all | 1 << at);
        match parts.iter_mut().find(|(known, _)| *known == low) {
            _ if low == 0 => {}
            Some((_, upper)) => *upper |= 1 << high,
            None => parts.push((low, 1 << high)),
        }
    }
    parts
}

#[cfg(target_arch = "x86_64")]
fn is_fast() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_fast() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, ByteKinds, InString, PIECE};

    /// [`super::in_string`].
    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn in_string(piece: &[u8; PIECE]) -> InString {
        // SAFETY: it reads as many bytes as there are, which need not be aligned.
        let piece = unsafe { _mm_loadu_si128(piece.as_ptr().cast()) };
        let quotes = _mm_cmpeq_epi8(piece, _mm_set1_epi8(b'"' as i8));
        let backslashes = _mm_cmpeq_epi8(piece, _mm_set1_epi8(b'\\' as i8));
        let controls = _mm_cmpeq_epi8(_mm_min_epu8(piece, _mm_set1_epi8(0x1F)), piece);
        let special = _mm_or_si128(_mm_or_si128(quotes, backslashes), controls);
        let (special, wide) = (_mm_movemask_epi8(special), _mm_movemask_epi8(piece));
        InString { special: special as u32, wide: wide as u32 }
    }

    /// [`super::each_newline`].
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    #[inline]
    pub(super) fn each_newline(text: &[u8], mut tell: impl FnMut(usize)) {
        let newline = _mm256_set1_epi8(b'\n' as i8);
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut at = 0;
        for block in blocks {
            let [first, second] = halves(block)
                .map(|half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, newline)) as u32);
            let mut found = u64::from(first) | u64::from(second) << 32;
            while found != 0 {
                tell(at + found.trailing_zeros() as usize);
                found &= found - 1;
            }
            at += BLOCK;
        }
        for (place, _) in rest.iter().enumerate().filter(|&(_, &byte)| byte == b'\n') {
            tell(at + place);
        }
    }

    /// [`ByteKinds::find`].
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    #[inline]
    pub(super) fn find<const N: usize, R>(
        kinds: &ByteKinds<N>,
        text: &[u8],
        mut judge: impl FnMut(usize, [u64; N]) -> Option<R>,
    ) -> Option<R> {
        let (low, high) = (table(&kinds.low), table(&kinds.high));
        let mut parts = [_mm256_setzero_si256(); N];
        for (part, bits) in parts.iter_mut().zip(kinds.parts) {
            *part = _mm256_set1_epi8(bits as i8);
        }
        let (mut at, mut last) = (0, [0; BLOCK]);
        while at < text.len() {
            let rest = &text[at..];
            let (block, valid) = match rest.first_chunk::<BLOCK>() {
                Some(block) => (block, u64::MAX),
                None => {
                    last[..rest.len()].copy_from_slice(rest);
                    (&last, (1 << rest.len()) - 1)
                }
            };
            let [first, second] = halves(block);
            let first = classes(low, high, first);
            let second = classes(low, high, second);
            let mut maps = [0; N];
            for (map, part) in maps.iter_mut().zip(parts) {
                *map = (bits(first, part) | bits(second, part) << 32) & valid;
            }
            if let Some(found) = judge(at, maps) {
                return Some(found);
            }
            at += BLOCK;
        }
        None
    }

    /// The table for both halves of a vector.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn table(bytes: &[u8; 16]) -> __m256i {
        let [first, second] =
            [0, 8].map(|at| i64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte])));
        _mm256_set_epi64x(second, first, second, first)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(block: &[u8; BLOCK]) -> [__m256i; 2] {
        let start = block.as_ptr().cast::<__m256i>();
        // SAFETY: both lie within the block, and need not be aligned.
        unsafe { [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))] }
    }

    /// In which parts each byte is. A byte that is not ASCII is in none: its highest bit has the first look give nothing.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn classes(low: __m256i, high: __m256i, bytes: __m256i) -> __m256i {
        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15));
        _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, upper))
    }

    /// Which bytes are in any of these parts.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(classes: __m256i, parts: __m256i) -> u64 {
        let in_none = _mm256_cmpeq_epi8(_mm256_and_si256(classes, parts), _mm256_setzero_si256());
        u64::from(!(_mm256_movemask_epi8(in_none) as u32))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(bytes: &[u8]) -> [bool; 256] {
        std::array::from_fn(|byte| bytes.contains(&(byte as u8)))
    }

    /// All maps of a text, one block behind the other.
    fn maps<const N: usize>(
        find: impl FnOnce(&mut dyn FnMut(usize, [u64; N]) -> Option<()>) -> Option<()>,
    ) -> Vec<(usize, [u64; N])> {
        let mut all = Vec::new();
        let found = find(&mut |at, maps| {
            all.push((at, maps));
            None
        });
        assert_eq!(found, None);
        all
    }

    #[test]
    fn only_what_has_few_parts_is_looked_for() {
        let digits = set(b"0123456789");
        assert!(ByteKinds::new([&digits, &set(b"0123456789 -"), &set(b"@:=Bb")]).is_some());
        assert!(ByteKinds::new([&set(b"\xE9")]).is_none());
        // Nothing in common: one part for each of the upper halves.
        let apart = set(b"\x01\x12\x23\x34\x45\x56\x67\x78");
        assert!(
            ByteKinds::new([&apart]).is_some() && ByteKinds::new([&apart, &set(b"0")]).is_none()
        );
    }

    #[test]
    fn what_was_found_ends_the_search() {
        let kinds = ByteKinds::new([&set(b"x")]).unwrap();
        let mut text = vec![b'a'; 200];
        text[130] = b'x';
        let place = |at, [map]: [u64; 1]| (map != 0).then(|| at + map.trailing_zeros() as usize);
        assert_eq!(kinds.find(&text, place), Some(130));
        assert_eq!(kinds.find(&text[..130], place), None);
    }

    proptest! {
        #[test]
        fn each_newline_is_told(text in "([a\n]|[a-z\\x0b]{0,70}){0,40}") {
            let mut told = Vec::new();
            each_newline(text.as_bytes(), |at| told.push(at));
            prop_assert_eq!(told, memchr::memchr_iter(b'\n', text.as_bytes()).collect::<Vec<_>>());
        }

        #[test]
        fn what_stands_in_a_string_is_told(
            piece in proptest::array::uniform16(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(0x1F), Just(b' ')]),
        ) {
            prop_assert_eq!(in_string(&piece), one_by_one(&piece));
        }

        #[test]
        fn every_byte_is_told(
            first in proptest::collection::vec(0u8..0x80, 0..6), second in "[0-9 .-]{0,6}",
            text in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'0'), Just(b' ')], 0..200),
        ) {
            let sets = [set(&first), set(second.as_bytes())];
            let kinds = ByteKinds::new([&sets[0], &sets[1]]);
            prop_assume!(kinds.is_some());
            let kinds = kinds.unwrap();
            let fast = maps(|judge| kinds.find(&text, judge));
            let slow = maps(|judge| kinds.find_one_by_one(&text, judge));
            prop_assert_eq!(&fast, &slow);
            prop_assert_eq!(fast.len(), text.len().div_ceil(BLOCK));
            for (place, &byte) in text.iter().enumerate() {
                let (at, maps) = fast[place / BLOCK];
                for (map, set) in maps.iter().zip(&sets) {
                    prop_assert_eq!(map >> (place - at) & 1 == 1, set[usize::from(byte)]);
                }
            }
        }
    }
}
