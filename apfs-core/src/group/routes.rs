//! From paths of single volumes to paths of the merged tree.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Where the directories of one volume are in the merged tree. None of those in the table lies in another one.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Path of the volume's root, empty if that is the root of the tree.
    pub(super) root: Vec<u8>,
    /// Directories that are elsewhere; `None` for those that are not shown.
    moved: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Names in the longest of these paths.
    depth: usize,
}

impl Routes {
    /// Routes of a volume whose root is at a path.
    pub(super) fn new(root: Vec<u8>) -> Routes {
        Routes { root, ..Routes::default() }
    }

    /// A directory is elsewhere, or nowhere.
    pub(super) fn moves(&mut self, path: &[u8], to: Option<&[u8]>) {
        self.depth = self.depth.max(path.iter().filter(|byte| **byte == b'/').count());
        self.moved.insert(path.to_vec(), to.map(<[u8]>::to_vec));
    }

    /// Writes the path in the merged tree of a path of the volume; false if it is not shown.
    pub(super) fn write(&self, path: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        let path = if path == b"/" { &[][..] } else { path };
        match self.moved(path) {
            Some((_, None)) => return false,
            Some((rest, Some(to))) => {
                out.extend_from_slice(to);
                out.extend_from_slice(rest);
            }
            None => {
                out.extend_from_slice(&self.root);
                out.extend_from_slice(path);
            }
        }
        if out.is_empty() {
            out.push(b'/');
        }
        true
    }

    /// The directory in the table that a path is at or below: what of the path is below it, and where it is.
    fn moved<'p>(&self, path: &'p [u8]) -> Option<(&'p [u8], Option<&[u8]>)> {
        let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        let ends = slashes.map(|(end, _)| end).chain([path.len()]);
        ends.take(self.depth).find_map(|end| {
            let (dir, rest) = path.split_at_checked(end)?;
            self.moved.get(dir).map(|to| (rest, to.as_deref()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path in the merged tree.
    fn route(routes: &Routes, path: &str) -> Option<alloc::string::String> {
        let mut out = b"left over".to_vec();
        routes.write(path.as_bytes(), &mut out).then(|| alloc::string::String::from_utf8(out).unwrap())
    }

    /// What is at or below a moved directory goes with it, whole names only; all else is below the root.
    #[test]
    fn of_data() {
        let mut routes = Routes::new(b"/System/Volumes/Data".to_vec());
        routes.moves(b"/Users", Some(b"/Users"));
        routes.moves(b"/usr/local", Some(b"/usr/here"));
        let to = |path| route(&routes, path).unwrap();
        assert_eq!(to("/"), "/System/Volumes/Data");
        assert_eq!(to("/Users"), "/Users");
        assert_eq!(to("/Users/a/b"), "/Users/a/b");
        assert_eq!(to("/Users-x/a"), "/System/Volumes/Data/Users-x/a");
        assert_eq!(to("/usr"), "/System/Volumes/Data/usr");
        assert_eq!(to("/usr/local/x"), "/usr/here/x");
        assert_eq!(to("/a/usr/local"), "/System/Volumes/Data/a/usr/local");
    }

    /// Directories of System that stand for others are not shown, nor is what is in them.
    #[test]
    fn of_system() {
        let mut routes = Routes::default();
        routes.moves(b"/Users", None);
        assert_eq!(route(&routes, "/").as_deref(), Some("/"));
        assert_eq!(route(&routes, "/bin/sh").as_deref(), Some("/bin/sh"));
        assert_eq!(route(&routes, "/Users"), None);
        assert_eq!(route(&routes, "/Users/left"), None);
        assert_eq!(route(&Routes::default(), "/Users").as_deref(), Some("/Users"));
    }
}
