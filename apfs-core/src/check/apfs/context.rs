//! What all parts of a check share: the container, the choices, and the way of what is found.

use super::super::options::CheckOptions;
use super::super::report::Report;
use super::super::rule::Rule;
use super::classify::rule_of;
use super::rules::{STRUCTURE, UNREADABLE};
use crate::apfs::Container;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;

/// A check under way.
pub(super) struct Context<'a> {
    pub(super) container: &'a Container,
    pub(super) options: &'a CheckOptions,
    pub(super) cancel: Option<Cancel<'a>>,
    pub(super) report: Report<'a>,
    /// Nodes of trees that could not be read so far: what belongs together may have lost a part.
    pub(super) lost_nodes: u64,
}

impl Context<'_> {
    /// A rule is broken.
    pub(super) fn broken(&mut self, rule: &'static Rule, corrupt: Corrupt) {
        self.report.broken(rule, corrupt);
    }

    /// A rule is broken at a place; what stands there is not what should.
    pub(super) fn differs(
        &mut self,
        rule: &'static Rule,
        place: Place,
        expected: impl core::fmt::Display,
        found: impl core::fmt::Display,
    ) {
        self.broken(rule, Corrupt::new(Damage::Contradiction, place).expected(expected).found(found));
    }

    /// Compares two numbers that must be equal.
    pub(super) fn equal(&mut self, rule: &'static Rule, place: Place, expected: u64, found: u64) {
        if expected != found {
            self.differs(rule, place, expected, found);
        }
    }

    /// A value outside the range that it must be in.
    pub(super) fn range(&mut self, rule: &'static Rule, place: Place, found: impl core::fmt::Display) {
        self.broken(rule, Corrupt::new(Damage::Range, place).found(found));
    }

    /// The reader could not read something: a finding if that is damaged, and something unchecked if it can't be known.
    /// Only a cancelled check ends here.
    pub(super) fn error(&mut self, what: &str, error: Error) -> Result<()> {
        match error {
            Error::Corrupt(corrupt) => {
                self.broken(rule_of(&corrupt), *corrupt);
                Ok(())
            }
            error => self.other_error(what, error),
        }
    }

    /// As [`Context::error`], for what damage of any kind is broken by one rule.
    pub(super) fn error_as(&mut self, rule: &'static Rule, what: &str, error: Error) -> Result<()> {
        match error {
            Error::Corrupt(corrupt) => {
                self.broken(rule, *corrupt);
                Ok(())
            }
            error => self.other_error(what, error),
        }
    }

    /// As [`Context::error`], with a rule for damage that the reader's words put nowhere.
    pub(super) fn error_or(&mut self, rule: &'static Rule, what: &str, error: Error) -> Result<()> {
        match error {
            Error::Corrupt(corrupt) if core::ptr::eq(rule_of(&corrupt), &STRUCTURE) => {
                self.broken(rule, *corrupt);
                Ok(())
            }
            error => self.error(what, error),
        }
    }

    fn other_error(&mut self, what: &str, error: Error) -> Result<()> {
        match error {
            Error::Cancelled => Err(Error::Cancelled),
            Error::Io(io) => {
                let place = Place::new("container", "").offset(io.offset);
                let finding = Corrupt::new(Damage::PastEnd, place).found(&io);
                self.report.remark(&UNREADABLE, finding, what.into());
                Ok(())
            }
            error => {
                self.report.unchecked(what, error);
                Ok(())
            }
        }
    }

    /// The value, or a finding and nothing.
    pub(super) fn take<T>(&mut self, what: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.error(what, error).map(|()| None),
        }
    }

    /// Asks whether to stop.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.cancel.is_some_and(|cancel| cancel()) { Err(Error::Cancelled) } else { Ok(()) }
    }
}
