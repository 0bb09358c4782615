//! The whole volume in catalog order.

use alloc::vec::Vec;
use core::ops::Range;

use super::volume::Volume;
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::fs::scan::{Scan, ScanLedger, ScanSink};

impl Scan for Volume {
    fn nodes(&self) -> u64 {
        0
    }
    fn scan_parts(&self, _parts: usize) -> Vec<Range<u64>> {
        Vec::new()
    }
    fn scan_range(
        &self,
        _part: Range<u64>,
        _cancel: Option<Cancel<'_>>,
        _sink: &mut ScanSink<'_>,
    ) -> Result<ScanLedger> {
        Err(Error::Cancelled)
    }
    fn reconcile(&self, _ledger: &ScanLedger, _sink: &mut ScanSink<'_>) -> Result<u64> {
        Err(Error::Cancelled)
    }
}
