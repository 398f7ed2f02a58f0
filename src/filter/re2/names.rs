//! The names of sets of characters.

use regex_syntax::hir::{Class, HirKind};

use super::class::Set;

/// Ranges of characters, each from the first to the second.
type Ranges = &'static [(char, char)];

/// `\d`.
pub(super) const DIGIT: Ranges = &[('0', '9')];
/// `\s`, without the vertical tab.
pub(super) const SPACE: Ranges = &[('\t', '\n'), ('\x0C', '\r'), (' ', ' ')];
/// `\w`.
pub(super) const WORD: Ranges = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// What `[:name:]` stands for.
pub(super) fn posix(name: &str) -> Option<Ranges> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7F')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1F'), ('\x7F', '\x7F')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

/// What `\p{name}` stands for: a category, a script, or `Any`. The names are told apart by case.
pub(super) fn unicode(name: &str) -> Option<Set> {
    match name {
        "Any" => return Some(Set::any()),
        // Halves of surrogate pairs are nowhere in UTF-8.
        "Cs" => return Some(Set::default()),
        // Without what has no meaning yet, which the engine's own tables count in.
        "C" => return table("[\\p{Cc}\\p{Cf}\\p{Co}]"),
        _ => {}
    }
    let is_category = CATEGORIES.split_ascii_whitespace().any(|known| known == name);
    let is_script = SCRIPTS.split_ascii_whitespace().any(|known| known == name);
    match (is_category, is_script) {
        (true, _) => table(&format!("\\p{{gc={name}}}")),
        (_, true) => table(&format!("\\p{{sc={name}}}")),
        _ => None,
    }
}

/// Looks a class up in the tables of the engine.
fn table(class: &str) -> Option<Set> {
    match regex_syntax::parse(class).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class.into()),
        HirKind::Class(Class::Bytes(class)) => class.to_unicode_class().map(Set::from),
        // A class of one character.
        HirKind::Literal(literal) => {
            let c = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(Set::of(&[(c, c)]))
        }
        _ => None,
    }
}

/// Categories, by the short names that RE2 knows them by.
pub(super) const CATEGORIES: &str = "L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs \
     C Cc Cf Co Cs";

/// Scripts, by their long names.
pub(super) const SCRIPTS: &str = "
    Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak
    Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian
    Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot
    Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs
    Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati
    Gunjala_Gondi Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew
    Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese
    Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi
    Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar
    Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
    Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean
    Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki
    Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian
    Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene
    Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada
    Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar
    Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut
    Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi
    Wancho Warang_Citi Yezidi Yi Zanabazar_Square
";
