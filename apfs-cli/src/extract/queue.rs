//! Work for several threads: last in, first out, so that few directories wait at a time.

use std::sync::{Condvar, Mutex, PoisonError};

use super::report::lock;

/// A stack of tasks that ends when it is empty and nobody works on one.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    tasks: Vec<T>,
    busy: usize,
    waiting: usize,
    stopped: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        let state = State { tasks: Vec::new(), busy: 0, waiting: 0, stopped: false };
        Queue { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn push(&self, task: T) {
        lock(&self.state).tasks.push(task);
        self.changed.notify_one();
    }

    /// True if somebody waits and there is nothing to take: work should be shared.
    pub(crate) fn is_hungry(&self) -> bool {
        let state = lock(&self.state);
        state.waiting > 0 && state.tasks.is_empty()
    }

    /// Lets all threads end after what they have under way.
    pub(crate) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }

    /// Works until everything is done.
    pub(crate) fn work(&self, mut each: impl FnMut(T)) {
        while let Some(task) = self.take() {
            let done = Done(self);
            each(task);
            drop(done);
        }
    }

    fn take(&self) -> Option<T> {
        let mut state = lock(&self.state);
        loop {
            if state.stopped {
                return None;
            }
            if let Some(task) = state.tasks.pop() {
                state.busy = state.busy.saturating_add(1);
                return Some(task);
            }
            if state.busy == 0 {
                return None;
            }
            state.waiting = state.waiting.saturating_add(1);
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting = state.waiting.saturating_sub(1);
        }
    }
}

/// Marks a task as done, also if it panics: the others must not wait for ever.
struct Done<'q, T>(&'q Queue<T>);

impl<T> Drop for Done<'_, T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.busy = state.busy.saturating_sub(1);
        if state.busy == 0 {
            self.0.changed.notify_all();
        }
    }
}
