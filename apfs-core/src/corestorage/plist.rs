//! The property lists of CoreStorage: values may refer to others by number, and numbers are hexadecimal (sheet
//! corestorage, section 5).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use roxmltree::Node;

use crate::base::error::Result;
use crate::base::ids::Uuid;
use crate::image::plist::{decode, in_dict, value};

/// Bytes of the longest text or data that is looked at. One text can be referred to from any number of places.
const LONGEST: usize = 4096;

/// Nodes of the largest dictionary inside of another; white space counts. One can be referred to from any number of places
/// as well, and is searched for every key.
const LARGEST: usize = 512;

/// A dictionary of a list.
#[derive(Clone, Copy)]
pub(super) struct Dict<'a, 'input> {
    node: Node<'a, 'input>,
    ids: &'a BTreeMap<&'a str, Node<'a, 'input>>,
}

/// Parses a list, which may be ended by a NUL, and hands its outermost dictionary over.
///
/// # Errors
/// `Corrupt` if it can't be parsed, `Limit` if it is made of too many parts, and those of `work`.
pub(super) fn parse<R>(text: &[u8], work: impl FnOnce(Dict<'_, '_>) -> Result<R>) -> Result<R> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    in_dict(text.get(..end).unwrap_or(text), |node| {
        let elements = node.document().descendants();
        let ids = elements.filter_map(|node| Some((node.attribute("ID")?, node))).collect();
        work(Dict { node, ids: &ids })
    })
}

impl<'a, 'input> Dict<'a, 'input> {
    /// What an element stands for: itself, or the one that it refers to. That one has to be a value: a reference to a
    /// reference leads nowhere, so that none can lead in a circle.
    fn resolve(&self, node: Node<'a, 'input>) -> Option<Node<'a, 'input>> {
        match node.attribute("IDREF") {
            None => Some(node),
            Some(id) => self.ids.get(id).copied().filter(|node| !node.has_attribute("IDREF")),
        }
    }

    fn get(&self, key: &str) -> Option<Node<'a, 'input>> {
        value(self.node, key).and_then(|node| self.resolve(node))
    }

    /// True if there is such a key, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        value(self.node, key).is_some()
    }

    /// A text, without white space around it; none if it is far too long.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text().map(str::trim).filter(|text| text.len() <= LONGEST)
    }

    /// An id.
    pub(super) fn uuid(&self, key: &str) -> Option<Uuid> {
        Uuid::from_text(self.text(key)?)
    }

    /// A number: hexadecimal behind `0x`, else decimal.
    pub(super) fn integer(&self, key: &str) -> Option<u64> {
        let text = self.text(key)?;
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    }

    /// Bytes; none if they are not base64 or far too many.
    pub(super) fn data(&self, key: &str) -> Option<Vec<u8>> {
        let node = self.get(key)?;
        let is_short = node.children().filter_map(|part| part.text()).all(|text| text.len() <= LONGEST);
        is_short.then(|| decode(node).ok()).flatten()
    }

    /// A dictionary.
    pub(super) fn dict(&self, key: &str) -> Option<Dict<'a, 'input>> {
        self.get(key).and_then(|node| self.as_dict(node))
    }

    /// The dictionaries of an array; nothing if there is no array.
    pub(super) fn dicts(&self, key: &str) -> impl Iterator<Item = Dict<'a, 'input>> {
        self.array(key).filter_map(|node| self.as_dict(node))
    }

    /// The texts of an array; nothing if there is no array.
    pub(super) fn texts(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.array(key).filter_map(|node| node.text())
    }

    fn array(&self, key: &str) -> impl Iterator<Item = Node<'a, 'input>> {
        let array = self.get(key).filter(|node| node.has_tag_name("array"));
        let items = array.into_iter().flat_map(|array| array.children()).filter(Node::is_element);
        items.filter_map(|node| self.resolve(node))
    }

    fn as_dict(&self, node: Node<'a, 'input>) -> Option<Dict<'a, 'input>> {
        let is_small = node.children().nth(LARGEST).is_none();
        (node.has_tag_name("dict") && is_small).then_some(Dict { node, ids: self.ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Class;

    /// References, numbers of both forms, data, arrays; a list without a header that is ended by a NUL.
    #[test]
    fn dialect() {
        let list = b"<dict ID=\"0\"><key>n</key><integer size=\"32\" ID=\"5\">0x1f</integer><key>m</key>\
            <integer IDREF=\"5\"/><key>r</key><reference IDREF=\"5\"/><key>d</key><integer>12</integer>\
            <key>data</key><data>aGk=</data><key>users</key><array><dict ID=\"7\"><key>s</key>\
            <string ID=\"8\"> a&amp;b </string></dict><reference IDREF=\"7\"/><string>x</string></array></dict>\0junk<";
        parse(list, |dict| {
            let numbers = ["n", "m", "r", "d", "data", "x"].map(|key| dict.integer(key));
            assert_eq!(numbers, [Some(31), Some(31), Some(31), Some(12), None, None]);
            assert_eq!(dict.data("data").as_deref(), Some(b"hi".as_slice()));
            let users: Vec<_> = dict.dicts("users").map(|user| user.text("s")).collect();
            assert_eq!(users, [Some("a&b"), Some("a&b")]);
            assert!(dict.dict("n").is_none() && dict.dicts("n").next().is_none());
            Ok(())
        })
        .unwrap();
        let file = b"<?xml version=\"1.0\"?><plist><dict><key>a</key><string>b</string></dict></plist>\n";
        parse(file, |dict| {
            assert_eq!(dict.text("a"), Some("b"));
            Ok(())
        })
        .unwrap();
        let long = alloc::format!("<dict><key>a</key><string>{}</string></dict>", "b".repeat(LONGEST + 1));
        assert!(parse(long.as_bytes(), |dict| Ok(dict.text("a").is_none())).unwrap());
        let large =
            alloc::format!("<dict><key>a</key><dict>{}</dict></dict>", "<key>b</key>".repeat(LARGEST + 1));
        assert!(parse(large.as_bytes(), |dict| Ok(dict.has("a") && dict.dict("a").is_none())).unwrap());
    }

    /// References that lead nowhere, to themselves, to each other or into what holds them end at once.
    #[test]
    fn circles() {
        let list = b"<dict ID=\"0\"><key>self</key><dict ID=\"1\" IDREF=\"1\"/><key>a</key><string ID=\"2\" IDREF=\"3\"/>\
            <key>b</key><string ID=\"3\" IDREF=\"2\"/><key>no</key><string IDREF=\"9\"/>\
            <key>up</key><dict IDREF=\"0\"/></dict>";
        parse(list, |dict| {
            assert!(
                ["self", "a", "b", "no"]
                    .iter()
                    .all(|key| dict.dict(key).is_none() && dict.text(key).is_none())
            );
            assert!(dict.dict("up").and_then(|dict| dict.dict("up")).is_some_and(|dict| dict.has("no")));
            Ok(())
        })
        .unwrap();
        assert_eq!(parse(b"<dict>", |_| Ok(())).unwrap_err().class(), Class::Corrupt);
        assert_eq!(parse(b"", |_| Ok(())).unwrap_err().class(), Class::Corrupt);
    }
}
