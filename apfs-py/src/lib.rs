//! Python package apfs: the compiled part.
