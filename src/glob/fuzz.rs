//! What must hold for any glob and any names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Component, Glob};

/// `data` holds a glob, and behind its newline names.
pub(crate) fn check(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let typed = lines.next().unwrap_or_default();
    let glob = Glob::parse(Path::new("/base"), Path::new(OsStr::from_bytes(typed)));
    let is_name = |name: &&[u8]| !matches!(*name, b"" | b"." | b"..") && !name.contains(&b'/');
    for name in lines.filter(is_name) {
        for component in glob.iter().flat_map(Glob::components) {
            let matches = component.matches(OsStr::from_bytes(name));
            if let Component::Literal(literal) = component {
                assert_eq!(matches, literal.as_bytes() == name);
            }
        }
        quoted(name);
    }
}

/// A backslash before each byte takes its meaning from it.
fn quoted(name: &[u8]) {
    let quoted: Vec<u8> = name.iter().flat_map(|&byte| [b'\\', byte]).collect();
    let Ok(glob) = Glob::parse(Path::new("/"), Path::new(OsStr::from_bytes(&quoted))) else {
        panic!("{} is refused", quoted.escape_ascii());
    };
    let [component] = glob.components() else { panic!("{} is several", quoted.escape_ascii()) };
    assert!(component.matches(OsStr::from_bytes(name)));
    assert!(!component.matches(OsStr::from_bytes(&[name, b"x"].concat())));
    assert!(!component.matches(OsStr::from_bytes(&name[1..])));
}
