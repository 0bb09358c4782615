//! The changes of bytes that both file systems share.

use core::ops::Range;

use super::form::Edit;

/// Order of bytes in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

/// Bytes that a hexadecimal text says.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal")).collect()
}

/// Changes a number or bytes of a part of an object. `set` is what `edit.set` means.
pub fn bytes(part: &mut [u8], edit: &Edit, set: Option<i64>, order: Order) {
    let len = part.len() as i64;
    let at = if edit.offset < 0 { len + edit.offset } else { edit.offset } as usize;
    if let Some(text) = &edit.bytes {
        let new = hex(text);
        part[at..at + new.len()].copy_from_slice(&new);
        return;
    }
    let width = edit.width.expect("set, add and xor need a width");
    assert!([1, 2, 4, 8].contains(&width), "a number has 1, 2, 4 or 8 bytes");
    let mut wide = [0; 8];
    let field = &mut part[at..at + width];
    wide[..width].copy_from_slice(field);
    if order == Order::Big {
        wide[..width].reverse();
    }
    let old = u64::from_le_bytes(wide);
    let new = match (set, edit.add, edit.xor) {
        (Some(value), None, None) => value as u64,
        (None, Some(more), None) => old.wrapping_add_signed(more),
        (None, None, Some(bits)) => old ^ bits,
        other => panic!("one change for an edit, not {other:?}"),
    };
    let mut new = new.to_le_bytes()[..width].to_vec();
    if order == Order::Big {
        new.reverse();
    }
    assert_ne!(field, &new[..], "the edit changes nothing: {edit:?}");
    field.copy_from_slice(&new);
}

/// Exchanges two ranges of the same length.
pub fn exchange(bytes: &mut [u8], one: Range<usize>, other: Range<usize>) {
    for (a, b) in one.zip(other) {
        bytes.swap(a, b);
    }
}
