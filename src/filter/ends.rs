//! What decides whether a pattern matches.

use regex_syntax::hir::{Hir, HirKind, Repetition};

/// A pattern that matches somewhere in the very texts in which `hir` does. What is repeated at an end of it counts as often as
/// it must be there: `.{0,1000}x` is found where `x` is, and takes a thousandth of the memory.
pub(super) fn without_spare_ends(hir: Hir) -> Hir {
    trimmed(trimmed(hir, PatternEnd::First), PatternEnd::Last)
}

#[derive(Debug, Clone, Copy)]
enum PatternEnd {
    First,
    Last,
}

fn trimmed(hir: Hir, end: PatternEnd) -> Hir {
    match hir.into_kind() {
        HirKind::Repetition(it) if it.min == 0 => Hir::empty(),
        HirKind::Repetition(it) if it.min == 1 => trimmed(*it.sub, end),
        HirKind::Repetition(it) => Hir::repetition(Repetition { max: Some(it.min), ..it }),
        HirKind::Alternation(branches) => {
            Hir::alternation(branches.into_iter().map(|branch| trimmed(branch, end)).collect())
        }
        HirKind::Concat(mut parts) => {
            // Where nothing is left of a part, the one beside it is at the end.
            while !parts.is_empty() {
                let at = match end {
                    PatternEnd::First => 0,
                    PatternEnd::Last => parts.len() - 1,
                };
                let part = trimmed(parts.remove(at), end);
                if !matches!(part.kind(), HirKind::Empty) {
                    parts.insert(at, part);
                    break;
                }
            }
            Hir::concat(parts)
        }
        // Groups have no numbers where only whether there is a match counts.
        HirKind::Capture(capture) => trimmed(*capture.sub, end),
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{compile, re2};
    use super::*;

    #[test]
    fn what_may_be_missing_at_an_end_is_left_out() {
        for (pattern, left) in [
            (".{0,1000}x", "x"),
            ("x.*", "x"),
            (".*a.*b.*", "a.*b"),
            ("a+b{2,5}", "ab{2}"),
            ("(a*|b+)c?", "(|b)"),
            ("(a?b)+", "b"),
            ("a*b*", ""),
            ("^a*b", "^a*b"),
            (r"\ba*", r"\b"),
            ("(?:ab*){3,}", "(?:ab*){3}"),
        ] {
            let [pattern, left] = [pattern, left].map(|it| re2::parse(it).unwrap());
            assert_eq!(without_spare_ends(pattern), left);
        }
    }

    #[test]
    fn it_matches_where_all_of_it_does() {
        let parts = [
            "a",
            "b*",
            "(a|b+)",
            ".{0,3}",
            "^",
            "$",
            r"\b",
            "(?:a?b)+",
            "(?s).+?",
            r"\B",
            "b{2,}",
            "(?:ab?){2,3}",
            "(?m)^",
            "(?m)$",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let pattern: String =
                (0..random.usize(1..5)).map(|_| random.choice(parts).unwrap()).collect();
            let hir = re2::parse(&pattern).unwrap();
            let [whole, left] =
                [hir.clone(), without_spare_ends(hir)].map(|it| compile(&[it]).unwrap());
            for _ in 0..20 {
                let text: String = (0..random.usize(..6))
                    .map(|_| random.choice(['a', 'b', 'é', '\n', ' ']).unwrap())
                    .collect();
                assert_eq!(whole.is_match(&text), left.is_match(&text), "{pattern:?} on {text:?}");
            }
        }
    }
}
