//! Every task of the project by one name.

fn main() {}
