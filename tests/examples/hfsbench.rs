//! scratch
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
use apfs_core::*;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let volume = Disk::open_file(&path).unwrap().hfs_volume(0, Default::default()).unwrap();
    let t = std::time::Instant::now();
    let (mut n, mut e) = (0u64, 0u64);
    volume
        .scan(None, &mut |item| {
            match item {
                Ok(x) => n += x.stat.size & 1 | 1,
                Err(x) => {
                    e += 1;
                    if e < 5 {
                        println!("{x}")
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    println!("scan {n} errors {e} {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let n = volume.walk(volume.root()).private(true).flatten().count();
    println!("walk {n} {:?}", t.elapsed());
}
