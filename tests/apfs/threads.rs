//! One view, many threads.

use std::thread;

use apfs_core::Fs;
use apfs_core::apfs::{Container, Volume};
use apfs_tests::build::ImageBuilder;
use apfs_tests::listing::{list_sound, view};

use crate::variants::rich;

/// Everything that is open can be shared.
#[test]
fn shared_types() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<apfs_core::apfs::View>();
    is_shared::<Volume>();
    is_shared::<Container>();
    is_shared::<apfs_core::Disk>();
    is_shared::<Box<dyn Fs>>();
}

/// Eight threads that read one volume at once, with hardly any cache, all read the same.
#[test]
fn eight_threads_read_the_same() {
    let image = ImageBuilder::new().max_records_per_node(6).volume(rich("V")).build();
    let expected = list_sound(&view(image.bytes.clone()));
    for cache_bytes in [0, 16 << 20] {
        let mut options = apfs_core::OpenOptions::default();
        options.limits.cache_bytes = cache_bytes;
        let container = Container::open(std::sync::Arc::new(image.bytes.clone()), options).unwrap();
        let view = container.volume(0).unwrap().view().unwrap();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| list_sound(&view))).collect();
            for thread in threads {
                assert!(thread.join().unwrap() == expected);
            }
        });
    }
}
