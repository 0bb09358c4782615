//! What is not as it should be with groups of volumes, and where these are joined.

use apfs_core::Name;
use apfs_core::group::{Finding, GroupProblem};

use crate::error::apfs_error;
use crate::ptr::{Shared, apfs_bytes};
use crate::status::apfs_status;

/// A list of problems of a group or of a merged tree.
#[derive(Debug)]
pub struct apfs_problems {
    list: Vec<Problem>,
}

impl Shared for apfs_problems {}

#[derive(Debug)]
struct Problem {
    path: Name,
    word: &'static str,
    text: String,
    is_usual: bool,
}

/// Something that is not as it should be. Text belongs to the list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_problem {
    /// Which kind, in a word for programs: "no-data", "disagrees", "loop", ...
    pub word: apfs_bytes,
    /// What it is, in a sentence.
    pub text: apfs_bytes,
    /// Of a merged tree: path on the System volume; else empty.
    pub path: apfs_bytes,
    /// True for what is met on sound Macs too, and costs nothing.
    pub usual: bool,
}

impl apfs_problems {
    /// Problems of groups.
    pub(crate) fn of_groups(problems: &[GroupProblem]) -> apfs_problems {
        let problem = |problem: &GroupProblem| Problem {
            path: Name::default(),
            word: problem.word(),
            text: problem.to_string(),
            is_usual: false,
        };
        apfs_problems { list: problems.iter().map(problem).collect() }
    }

    /// What was found where volumes were joined.
    pub(crate) fn of_merged(findings: &[Finding]) -> apfs_problems {
        let problem = |finding: &Finding| Problem {
            path: finding.path.clone(),
            word: finding.problem.word(),
            text: finding.problem.to_string(),
            is_usual: finding.problem.is_usual(),
        };
        apfs_problems { list: findings.iter().map(problem).collect() }
    }
}

impl From<&Problem> for apfs_problem {
    fn from(problem: &Problem) -> apfs_problem {
        apfs_problem {
            word: problem.word.as_bytes().into(),
            text: problem.text.as_bytes().into(),
            path: problem.path.as_bytes().into(),
            usual: problem.is_usual,
        }
    }
}

/// Gives the problems of a list from number `first` on: up to `cap` into `out`, how many into `n`. None written means the
/// end.
///
/// # Safety
/// `problems` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_problems_list(
    problems: *const apfs_problems,
    first: usize,
    out: *mut apfs_problem,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (problems, out, n) = (given!(problems), slots!(out, cap), out!(n));
        n.put(out.fill(problems.list.iter().skip(first).map(apfs_problem::from)));
        Ok(())
    })
}

/// Frees a list of problems. NULL is allowed.
///
/// # Safety
/// `problems` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_problems_free(problems: *const apfs_problems) {
    free_shared!(problems);
}
