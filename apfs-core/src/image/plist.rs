//! Property lists: the tables of a disk image (sheet dmg, section 2.2), what describes a sparse bundle, and the parts
//! that other lists are read with.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use roxmltree::{Document, Node, ParsingOptions};

use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};

/// Nodes of a list. An image of twenty partitions has about a thousand.
const NODES: u32 = 1 << 18;
/// Equal signs: two for each entry's data, one for each attribute, of which a list has one. The parser compares each
/// attribute with all others of its element.
const EQUAL_SIGNS: usize = 1 << 14;

/// An entry of the dictionary `resource-fork`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub id: i32,
    /// Its name, may be empty.
    pub name: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// The entries of one kind in the dictionary `resource-fork`, in the order of the list; `Corrupt` in place of one
/// without data, or with data that is not base64.
///
/// # Errors
/// `Corrupt` if the list cannot be parsed or has no such entries, `Limit` if it is made of too many parts.
pub fn resource_fork(xml: &[u8], kind: &'static str) -> Result<Vec<Result<Entry>>> {
    in_dict(xml, |dict| {
        let missing = |field| move || Error::damage(Damage::Missing, place(field));
        let resources = value(dict, "resource-fork").ok_or_else(missing("resource-fork"))?;
        let entries = value(resources, kind).ok_or_else(missing(kind))?;
        Ok(entries.children().filter(|node| node.has_tag_name("dict")).map(entry).collect())
    })
}

/// The text of some keys of the outermost dictionary, be it a string or a number; `None` for each that is not there.
///
/// # Errors
/// As [`resource_fork`].
pub fn texts<const N: usize>(xml: &[u8], keys: [&str; N]) -> Result<[Option<String>; N]> {
    in_dict(xml, |dict| Ok(keys.map(|key| value(dict, key)?.text().map(|text| text.trim().to_string()))))
}

/// Parses a list and hands its outermost dictionary over, which may stand without `plist` around it.
///
/// # Errors
/// As [`resource_fork`], and those of `work`.
pub(crate) fn in_dict<R>(xml: &[u8], work: impl FnOnce(Node<'_, '_>) -> Result<R>) -> Result<R> {
    let text = core::str::from_utf8(xml)
        .map_err(|error| Corrupt::new(Damage::Name, place("").offset(len64(error.valid_up_to()))))?;
    // Apple's lists have a document type without definitions; entities are only good for making a list larger.
    if text.contains("<!ENTITY") {
        return Err(Error::unsupported("property list with entities", "no Mac writes one"));
    }
    let equal_signs = text.bytes().filter(|byte| *byte == b'=').count();
    if equal_signs > EQUAL_SIGNS {
        let (limit, found) = (len64(EQUAL_SIGNS), len64(equal_signs));
        return Err(Error::limit("equal signs in a property list", limit, found));
    }
    let options = ParsingOptions { allow_dtd: true, nodes_limit: NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => {
            Error::limit("nodes of a property list", u64::from(NODES), u64::from(NODES).saturating_add(1))
        }
        error => Corrupt::new(Damage::Range, place("")).found(error).into(),
    })?;
    let root = document.root_element();
    let dict = Some(root).into_iter().chain(root.children()).find(|node| node.has_tag_name("dict"));
    work(dict.ok_or_else(|| Error::damage(Damage::Missing, place("dict")))?)
}

fn entry(dict: Node<'_, '_>) -> Result<Entry> {
    let string = |key| value(dict, key).and_then(|node| node.text()).unwrap_or("");
    let data = value(dict, "Data").ok_or_else(|| Error::damage(Damage::Missing, place("Data")))?;
    let name = match string("Name") {
        "" => string("CFName"),
        name => name,
    };
    let id = string("ID").trim().parse().unwrap_or(0);
    Ok(Entry { id, name: name.to_string(), data: decode(data)? })
}

/// The value that follows a key of a dictionary.
pub(crate) fn value<'a, 'input>(dict: Node<'a, 'input>, key: &str) -> Option<Node<'a, 'input>> {
    let mut elements = dict.children().filter(Node::is_element);
    elements.find(|node| node.has_tag_name("key") && node.text() == Some(key))?;
    elements.next()
}

/// The bytes that a `data` element holds, which may be interrupted by white space and comments.
///
/// # Errors
/// `Corrupt` if it is not base64.
pub(crate) fn decode(data: Node<'_, '_>) -> Result<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut digits = Vec::new();
    for text in data.children().filter(Node::is_text).filter_map(|node| node.text()) {
        digits.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    }
    let decoded = GeneralPurpose::new(&STANDARD, config).decode(&digits);
    decoded.map_err(|error| Corrupt::new(Damage::Range, place("Data")).found(error).into())
}

fn place(field: &'static str) -> Place {
    Place::new("property list", field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Class;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n";

    fn list(blkx: &str) -> String {
        alloc::format!(
            "{HEAD}<plist version=\"1.0\"><dict><key>resource-fork</key><dict><key>blkx</key>{blkx}</dict></dict></plist>"
        )
    }

    fn entries_of(xml: &str) -> Result<Vec<Entry>> {
        resource_fork(xml.as_bytes(), "blkx")?.into_iter().collect()
    }

    /// What Apple writes, and data cut by white space and a comment.
    #[test]
    fn entries() {
        let xml = list(
            "<array><dict><key>Attributes</key><string>0x0050</string><key>CFName</key><string>a &amp; b</string>\
             <key>Data</key><data>\n\taGVs\n\tbG8=\n\t</data><key>ID</key><string>-1</string></dict>\n\
             <dict><key>ID</key><string>0</string><key>Name</key><string>second</string>\
             <key>Data</key><data>aGV<!-- x -->s</data></dict></array>",
        );
        let found = entries_of(&xml).unwrap();
        let shown: Vec<_> = found.iter().map(|e| (e.id, e.name.as_str(), e.data.as_slice())).collect();
        assert_eq!(shown, [(-1, "a & b", b"hello".as_slice()), (0, "second", b"hel")]);
        let error = resource_fork(xml.as_bytes(), "plst").unwrap_err();
        assert_eq!(error.corrupt().map(|corrupt| corrupt.damage), Some(Damage::Missing));
    }

    /// Text and numbers by key; what is not there is not there.
    #[test]
    fn text_by_key() {
        let xml = alloc::format!(
            "{HEAD}<plist><dict><key>size</key><integer> 12 </integer><key>kind</key><string>a</string>\
             <key>empty</key><string/><key>kind</key><string>b</string></dict></plist>"
        );
        let found = texts(xml.as_bytes(), ["kind", "size", "a", "empty"]).unwrap();
        assert_eq!(found, [Some("a".into()), Some("12".into()), None, None]);
        assert_eq!(texts(b"<plist/>", ["a"]).unwrap_err().class(), Class::Corrupt);
    }

    /// What is no list of tables is refused for its reason.
    #[test]
    fn refused() {
        let class = |xml: &str| entries_of(xml).map_err(|error| error.class());
        assert_eq!(class(""), Err(Class::Corrupt));
        assert_eq!(class("<plist><dict/></plist>"), Err(Class::Corrupt));
        assert_eq!(class(&list("<array><dict/></array>")), Err(Class::Corrupt));
        assert_eq!(
            class(&list("<array><dict><key>Data</key><data>?</data></dict></array>")),
            Err(Class::Corrupt)
        );
        assert_eq!(class(&list("<array/>")), Ok(Vec::new()));
        assert_eq!(resource_fork(b"\xFF", "blkx").unwrap_err().class(), Class::Corrupt);
        let half = list("<array><dict/><dict><key>Data</key><data>AA==</data></dict></array>");
        let found = resource_fork(half.as_bytes(), "blkx").unwrap();
        assert!(found[0].is_err() && found[1].as_ref().is_ok_and(|entry| entry.data == [0]));
    }

    /// Bombs are refused before they take time or memory.
    #[test]
    fn bombs() {
        let class = |xml: &str| entries_of(xml).map_err(|error| error.class());
        let laughs = "<!DOCTYPE plist [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><plist>&b;</plist>";
        assert_eq!(class(laughs), Err(Class::Unsupported));
        assert_eq!(class(&list(&"<a/>".repeat(300_000))), Err(Class::Limit));
        let attributes: String = (0..100_000).map(|n| alloc::format!(" a{n}='x'")).collect();
        assert_eq!(class(&alloc::format!("<plist{attributes}/>")), Err(Class::Limit));
        let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
        assert_eq!(class(&list(&deep)), Ok(Vec::new()));
    }
}
