//! scratch
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
use apfs_core::*;
use std::sync::Arc;
struct Obs(std::sync::Mutex<Vec<String>>);
impl Observer for Obs {
    fn finding(&self, f: &Corrupt) {
        self.0.lock().unwrap().push(f.to_string())
    }
}
fn main() {
    for path in std::env::args().skip(1) {
        let obs = Arc::new(Obs(Default::default()));
        let options = OpenOptions { observer: Some(obs.clone()), ..Default::default() };
        let device = apfs_tests::corpus::device(path.as_ref());
        let disk = match Disk::open(device, &options) {
            Ok(d) => d,
            Err(e) => {
                println!("{path}: {e}");
                continue;
            }
        };
        for part in disk.hfs_partitions() {
            let volume = match disk.hfs_volume(part, options.clone()) {
                Ok(v) => v,
                Err(e) => {
                    println!("{path} {part}: OPEN {e}");
                    continue;
                }
            };
            let mut scanned = std::collections::BTreeSet::new();
            let mut errors = vec![];
            volume
                .scan(None, &mut |item| {
                    match item {
                        Ok(e) => {
                            assert!(scanned.insert((e.path.to_vec(), e.stat.id, e.link_id, e.stat.size)));
                        }
                        Err(e) => errors.push(format!("{e}")),
                    }
                    Ok(())
                })
                .unwrap();
            let mut walked = std::collections::BTreeSet::new();
            let mut werrors = vec![];
            for item in volume.walk(volume.root()).private(true) {
                match item {
                    Ok(e) => {
                        walked.insert((e.path, e.stat.id, e.entry.link_id, e.stat.size));
                    }
                    Err(e) => werrors.push(format!("{e}")),
                }
            }
            println!(
                "{path} {part}: {} scan {} walk {} equal {}",
                volume.name(),
                scanned.len(),
                walked.len(),
                scanned == walked
            );
            let free = volume.count_free_blocks();
            let want = volume.header().raw().freeBlocks.get();
            println!(
                "   uuid {:?} free {:?} want {} journal {:?} replayed {} bad {:?}",
                volume.header().uuid().map(|u| u.to_string()),
                free,
                want,
                volume.journal().map(|j| format!("{:?} {}", j.state, j.transactions)),
                volume.is_replayed(),
                volume.bad_blocks().unwrap().len()
            );
            for e in errors.iter().take(5) {
                println!("   scan: {e}");
            }
            for e in werrors.iter().take(5) {
                println!("   walk: {e}");
            }
            let mut lost = 0;
            for e in volume.walk(volume.root()).private(true).flatten() {
                if e.path != b"/" {
                    match volume.find_no_follow(&e.path) {
                        Ok(id) if id == e.stat.id => {}
                        other => {
                            lost += 1;
                            println!("   lookup {}: {other:?}", String::from_utf8_lossy(&e.path))
                        }
                    }
                    let back = volume.stat(e.stat.id).unwrap();
                    assert_eq!(back.id, e.stat.id);
                }
            }
            if lost > 0 {
                println!("   lost {lost}")
            }
            for f in obs.0.lock().unwrap().iter().take(5) {
                println!("   finding: {f}");
            }
        }
    }
}
