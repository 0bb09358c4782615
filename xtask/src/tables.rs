//! Tables of HFS+ names: from the lists in `data/` to the source file that the core is built with.

use core::fmt::Write;
use std::fs;

use crc::{CRC_32_ISO_HDLC, Crc};

use crate::run::{Failed, root};

/// The committed table.
const TABLE: &str = "apfs-core/src/text/hfs_tables.rs";

/// CRC-32 of every fold as big-endian units, U+0000 first (sheet hfsplus 4.6).
const FOLD_CRC: u32 = 0x4629_1121;
/// CRC-32 of the list of decompositions, a line each (sheet hfsplus 4.7).
const DECOMPOSITIONS_CRC: u32 = 0x6199_DAA3;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Writes the table anew.
pub(crate) fn write() -> Result<(), Failed> {
    fs::write(root().join(TABLE), make()?).map_err(|error| Failed(format!("{TABLE}: {error}")))
}

/// The source of the table, once the lists have proved to be the sheet's.
fn make() -> Result<String, Failed> {
    let (folds, decompositions) = (data("hfs_fold.txt")?, data("hfs_decompositions.txt")?);
    let mut source = String::from(
        "//! Tables of HFS+ names, made by `cargo xtask tables` from `xtask/data`: do not edit.\n\n\
         // Rows of one length, whatever rustfmt would make of them.\n",
    );
    write_folds(&mut source, &folds)?;
    write_decompositions(&mut source, &decompositions)?;
    write_classes(&mut source, &data("hfs_combining.txt")?)?;
    Ok(source)
}

/// A file of `data/` without its comments.
fn data(name: &str) -> Result<String, Failed> {
    let path = root().join("xtask/data").join(name);
    let text = fs::read_to_string(&path).map_err(|error| Failed(format!("{}: {error}", path.display())))?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect())
}

/// Stops unless a list is the one that its checksum was made of.
fn check(what: &str, expected: u32, bytes: &[u8]) -> Result<(), Failed> {
    match CRC.checksum(bytes) {
        found if found == expected => Ok(()),
        found => Err(Failed(format!("{what}: CRC-32 is {found:08X}, not {expected:08X}"))),
    }
}

/// Applies a parser to each line; a line that it can't read is named.
fn each_line<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Failed> {
    let parse = |line| parse(line).ok_or_else(|| Failed(format!("xtask/data: cannot read {line:?}")));
    text.lines().map(parse).collect()
}

fn unit(digits: &str) -> Option<u16> {
    u16::from_str_radix(digits, 16).ok()
}

/// `FIRST[-LAST]` as a range.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((unit(first)?, unit(last)?))
}

/// Units and what each folds to, of one line.
fn folds(line: &str) -> Option<Vec<(u16, u16)>> {
    let (units, target) = line.split_once(' ')?;
    let (units, step) = units.split_once('/').unwrap_or((units, "1"));
    let (first, last) = range(units)?;
    let added = target.strip_prefix('+').map(unit);
    let fold = |from: u16| match added {
        Some(added) => Some((from, from.checked_add(added?)?)),
        None => Some((from, unit(target)?)),
    };
    (first..=last).step_by(step.parse().ok()?).map(fold).collect()
}

fn write_folds(source: &mut String, text: &str) -> Result<(), Failed> {
    let mut all: Vec<u16> = (0..=u16::MAX).collect();
    for (from, to) in each_line(text, folds)?.into_iter().flatten() {
        if let Some(entry) = all.get_mut(usize::from(from)) {
            *entry = to;
        }
    }
    let bytes: Vec<u8> = all.iter().flat_map(|fold| fold.to_be_bytes()).collect();
    check("hfs_fold.txt", FOLD_CRC, &bytes)?;
    let (mut index, mut pages) = (String::new(), String::new());
    let mut count = 0_usize;
    for (high, page) in all.chunks(256).enumerate() {
        let is_plain = page.iter().enumerate().all(|(low, fold)| usize::from(*fold) == (high << 8 | low));
        index += if high % 16 == 0 { "\n   " } else { "" };
        if is_plain {
            index += " NO,";
            continue;
        }
        write_to(&mut index, format_args!("{count:3},"));
        count = count.saturating_add(1);
        write_to(&mut pages, format_args!("    // U+{high:02X}00 on.\n    ["));
        for row in page.chunks(16) {
            pages += "\n       ";
            row.iter().for_each(|fold| write_to(&mut pages, format_args!(" 0x{fold:04X},")));
        }
        pages += "\n    ],\n";
    }
    write_to(
        source,
        format_args!(
            "\n/// In [`FOLD_INDEX`]: every unit of the page folds to itself.\nconst NO: u8 = u8::MAX;\n\n\
             /// Page of [`FOLD_PAGES`] for the upper byte of a unit.\n\
             #[rustfmt::skip]\npub(super) static FOLD_INDEX: [u8; 256] = [{index}\n];\n\n\
             /// What units fold to, by their lower byte; 0: the unit does not count.\n\
             #[rustfmt::skip]\npub(super) static FOLD_PAGES: [[u16; 256]; {count}] = [\n{pages}];\n"
        ),
    );
    Ok(())
}

/// A unit and what it is decomposed to, at most four units, of one line.
fn decomposition(line: &str) -> Option<(u16, [u16; 4])> {
    let (from, to) = line.split_once(':')?;
    let mut places = [0; 4];
    let mut free = places.iter_mut();
    for digits in to.split(' ') {
        *free.next()? = unit(digits)?;
    }
    Some((unit(from)?, places))
}

fn write_decompositions(source: &mut String, text: &str) -> Result<(), Failed> {
    check("hfs_decompositions.txt", DECOMPOSITIONS_CRC, text.as_bytes())?;
    let rows = each_line(text, decomposition)?;
    write_to(
        source,
        format_args!(
            "\n/// Units that are stored decomposed, ascending, and as what: up to four units, zeros behind them.\n\
             #[rustfmt::skip]\npub(super) static DECOMPOSITIONS: [(u16, [u16; 4]); {}] = [",
            rows.len()
        ),
    );
    let row = |(from, [a, b, c, d]): &(u16, [u16; 4])| {
        format!("(0x{from:04X}, [0x{a:04X}, {}, {}, {}])", or_zero(*b), or_zero(*c), or_zero(*d))
    };
    write_rows(source, 3, rows.iter().map(row).collect());
    Ok(())
}

/// A unit as a number, or 0 for none.
fn or_zero(unit: u16) -> String {
    if unit == 0 { "0".to_owned() } else { format!("0x{unit:04X}") }
}

/// Writes the elements of an array, some on a line, and its end.
fn write_rows(source: &mut String, on_a_line: usize, rows: Vec<String>) {
    for line in rows.chunks(on_a_line) {
        write_to(source, format_args!("\n    {},", line.join(", ")));
    }
    *source += "\n];\n";
}

/// First and last unit of a run of marks and their class, of one line.
fn class(line: &str) -> Option<(u16, u16, u8)> {
    let (units, class) = line.split_once(' ')?;
    let (first, last) = range(units)?;
    Some((first, last, class.parse().ok()?))
}

fn write_classes(source: &mut String, text: &str) -> Result<(), Failed> {
    let mut rows = each_line(text, class)?;
    rows.sort_unstable();
    write_to(
        source,
        format_args!(
            "\n/// Marks that are put in order: first and last unit, ascending, and class.\n\
             #[rustfmt::skip]\npub(super) static CLASSES: [(u16, u16, u8); {}] = [",
            rows.len()
        ),
    );
    let row = |(first, last, class): &(u16, u16, u8)| format!("(0x{first:04X}, 0x{last:04X}, {class})");
    write_rows(source, 4, rows.iter().map(row).collect());
    Ok(())
}

/// Appends formatted text; a string takes all of it.
fn write_to(text: &mut String, arguments: core::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed table is what the lists give, and the lists are the sheet's.
    #[test]
    fn table_is_up_to_date() {
        let committed = fs::read_to_string(root().join(TABLE)).unwrap_or_default();
        assert!(committed == make().unwrap(), "{TABLE} differs from xtask/data: run cargo xtask tables");
    }

    /// A list that is not the sheet's, or that makes no sense, makes no table.
    #[test]
    fn wrong_lists_are_refused() {
        let mut source = String::new();
        assert!(write_folds(&mut source, "0000 FFFF\n").is_err());
        assert!(write_decompositions(&mut source, "00C0:0041 0300\n").is_err());
        assert!(write_classes(&mut source, "0300 x\n").is_err());
        assert_eq!(source, "");
    }
}
