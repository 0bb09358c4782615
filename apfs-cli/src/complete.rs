//! Completion of paths inside an image, for the shell that asks while somebody types.
//!
//! The program is run by the shell with the words of the line. It never asks, prints nothing but candidates, and gives
//! up when an image takes long.

use core::time::Duration;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;

use apfs_core::{FsExt, Kind};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{EnvCompleter, Shells};

use crate::args::{Args, Common};
use crate::exit::{self, Failure, Outcome};
use crate::place::{Hidden, entries};
use crate::session::Session;

/// Variable by which a shell asks, with its name.
const VARIABLE: &str = "_APFS_COMPLETE";
/// How long somebody waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// More candidates than anybody reads.
const MOST: usize = 2000;

/// Answers a shell and ends the program, if one asks.
pub(crate) fn answer() {
    if std::env::var_os(VARIABLE).is_some() {
        exit::be_quiet();
        std::panic::set_hook(Box::new(|_| ()));
        CompleteEnv::with_factory(Args::command).var(VARIABLE).complete();
    }
}

/// Appends what makes a shell ask.
pub(crate) fn register(shell: &str, script: &mut Vec<u8>) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let completer: &dyn EnvCompleter =
        shells.completer(shell).ok_or_else(|| Failure::Usage(format!("no completions for {shell}")))?;
    Ok(completer.write_registration(VARIABLE, "apfs", "apfs", "apfs", script)?)
}

/// Candidates for a path in the image that the line names.
pub(crate) fn in_image(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str().map(Typed::new) else { return Vec::new() };
    let (give, take) = sync_channel(1);
    // The thread ends with the program, also if the image is a pipe that nobody writes to.
    thread::spawn(move || {
        let _ = give.send(candidates(&typed));
    });
    take.recv_timeout(PATIENCE).ok().flatten().unwrap_or_default()
}

/// A word as it was typed, quotes and backslashes included.
struct Typed {
    /// The directory, quoting undone, with its slash.
    dir: String,
    /// The beginning of a name in it.
    name: String,
    /// The quote that the word begins with.
    quote: Option<char>,
}

impl Typed {
    fn new(word: &str) -> Typed {
        let quote = word.chars().next().filter(|first| ['"', '\''].contains(first));
        let plain = unquoted(word);
        let (dir, name) = plain.rsplit_once('/').map_or(("", plain.as_str()), |(dir, name)| (dir, name));
        let slash = if plain.contains('/') { "/" } else { "" };
        Typed { dir: format!("{dir}{slash}"), name: name.to_owned(), quote }
    }

    /// A whole path as it has to be typed.
    fn candidate(&self, name: &str) -> String {
        let path = format!("{}{name}", self.dir);
        match self.quote {
            Some(quote) => format!("{quote}{path}"),
            // The other shells quote by themselves.
            None if is_bash() => path.chars().flat_map(escaped).collect(),
            None => path,
        }
    }
}

fn is_bash() -> bool {
    std::env::var_os("_CLAP_COMPLETE_COMP_TYPE").is_some()
}

/// A character as bash takes it for itself.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let plain = c.is_alphanumeric() || !c.is_ascii() || "/._-+,%@^:=".contains(c);
    (!plain).then_some('\\').into_iter().chain([c])
}

/// A word without quotes and backslashes.
fn unquoted(word: &str) -> String {
    let (mut text, mut quote, mut chars) = (String::new(), None, word.chars());
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => text.extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            _ => text.push(c),
        }
    }
    text
}

/// The words of the line that is typed, but the one that is completed.
fn words() -> Vec<OsString> {
    let current = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse::<usize>().ok());
    let line = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let others = line.enumerate().filter(|(index, _)| Some(*index) != current);
    let plain = |word: OsString| word.to_str().map(|word| OsString::from(unquoted(word))).unwrap_or(word);
    others.map(|(_, word)| plain(word)).collect()
}

/// What the line says so far; `None` if no image is on it.
fn line() -> Option<(Common, bool)> {
    let matches = Args::command().ignore_errors(true).try_get_matches_from(words()).ok()?;
    let (_, matches) = matches.subcommand()?;
    // Reading a password may wait for somebody, and without one there is nothing to be shown.
    let given = |name: &str| matches!(matches.try_contains_id(name), Ok(true));
    if given("password_fd") {
        return None;
    }
    let image: &PathBuf = matches.try_get_one("image").ok().flatten()?;
    // The image is opened to be looked at once: a pipe would be empty afterwards.
    if !image.exists() || is_pipe(image) {
        return None;
    }
    Some((Common::from_arg_matches(matches).ok()?, is_set(matches, "all")))
}

#[cfg(unix)]
fn is_pipe(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo() || found.file_type().is_socket())
}

#[cfg(not(unix))]
fn is_pipe(_: &std::path::Path) -> bool {
    false
}

fn is_set(matches: &ArgMatches, name: &str) -> bool {
    matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false)
}

fn candidates(typed: &Typed) -> Option<Vec<CompletionCandidate>> {
    let (common, all) = line()?;
    let (mut outcome, hidden) = (Outcome::default(), Hidden { all });
    let session = Session::open(&common).ok()?;
    let mut found = Vec::new();
    for target in session.targets(false, &mut outcome).ok()? {
        let Ok(dir) = target.view.find(target.in_volume(typed.dir.as_bytes())) else { continue };
        for entry in entries(&target, dir, b"", hidden, &mut outcome) {
            let name = entry.name.to_string().replace('\0', "\u{2400}");
            // What is shown escaped can't be typed like that.
            let is_plain = entry.name.to_str().is_some_and(|stored| stored.replace('\0', "\u{2400}") == name);
            if !is_plain || !name.starts_with(&typed.name) {
                continue;
            }
            let slash = if entry.kind == Kind::Dir { "/" } else { "" };
            found.push(typed.candidate(&name) + slash);
        }
    }
    found.sort();
    found.dedup();
    found.truncate(MOST);
    Some(found.into_iter().map(CompletionCandidate::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quoting is undone to look things up, and the directory keeps its slash.
    #[test]
    fn words_as_typed() {
        assert_eq!(unquoted(r#"/My\ Mac/"a b"/'c d'"#), "/My Mac/a b/c d");
        assert_eq!(unquoted(r"open\"), "open");
        let typed = Typed::new(r"/My\ Mac/Us");
        assert_eq!((typed.dir.as_str(), typed.name.as_str(), typed.quote), ("/My Mac/", "Us", None));
        let typed = Typed::new("\"/a b");
        assert_eq!((typed.dir.as_str(), typed.name.as_str(), typed.quote), ("/", "a b", Some('"')));
        assert_eq!(typed.candidate("a b c"), "\"/a b c");
        assert_eq!(Typed::new("Us").dir, "");
        assert_eq!("/a b$ä".chars().flat_map(escaped).collect::<String>(), r"/a\ b\$ä");
    }
}
