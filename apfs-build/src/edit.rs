//! Changes of a volume's content: what the methods of the volume builder do when their transaction runs.

use super::content::{Content, Inode, S_IFLNK, S_IFREG, UF_COMPRESSED, Xattr, now};
use super::disk::Disk;
use super::records::XATTR_FILE_SYSTEM_OWNED;
use super::stream::Stream;

/// Longest embedded attribute.
const XATTR_MAX_EMBEDDED_SIZE: usize = 3804;

impl Content {
    /// A file of consecutive pieces: data, or `None` and a length in blocks for a hole.
    pub fn add_file(
        &mut self,
        path: &str,
        pieces: &[(Option<&[u8]>, u64)],
        size: u64,
        disk: &mut Disk,
    ) -> &mut Inode {
        let id = self.create(path, S_IFREG | 0o644, disk).id;
        let stream = Stream::of_pieces(pieces, size, id, self, disk);
        if !stream.extents.is_empty() {
            self.streams.insert(id, stream);
        }
        self.inodes.get_mut(&id).unwrap()
    }

    /// A file of `size` bytes with data at some offsets (multiples of the block size) and holes between.
    pub fn add_sparse(&mut self, path: &str, size: u64, parts: &[(u64, Vec<u8>)], disk: &mut Disk) {
        let block_size = disk.block_size as u64;
        let mut pieces: Vec<(Option<&[u8]>, u64)> = Vec::new();
        let mut at = 0;
        for (offset, data) in parts {
            assert!(offset % block_size == 0 && *offset >= at, "parts are block-aligned and in order");
            pieces.push((None, (offset - at) / block_size));
            pieces.push((Some(data), 0));
            at = offset + (data.len() as u64).next_multiple_of(block_size);
        }
        pieces.push((None, size.next_multiple_of(block_size).saturating_sub(at) / block_size));
        self.add_file(path, &pieces, size, disk);
    }

    /// A symbolic link.
    pub fn add_symlink(&mut self, path: &str, target: &str, disk: &Disk) {
        let inode = self.create(path, S_IFLNK | 0o755, disk);
        let value = [target.as_bytes(), &[0]].concat();
        let value = Xattr::Embedded(value, XATTR_FILE_SYSTEM_OWNED);
        inode.xattrs.insert("com.apple.fs.symlink".to_owned(), value);
    }

    /// Sets an embedded attribute.
    pub fn set_xattr(&mut self, path: &str, name: &str, value: Vec<u8>, disk: &Disk) {
        assert!(value.len() <= XATTR_MAX_EMBEDDED_SIZE, "{name} is too long to be embedded");
        self.put_xattr(path, name, Xattr::Embedded(value, 0), disk);
    }

    /// Sets an attribute kept in a stream of its own.
    pub fn set_stream_xattr(&mut self, path: &str, name: &str, value: &[u8], disk: &mut Disk) {
        let id = self.alloc_obj_id();
        let stream = Stream::of_pieces(&[(Some(value), 0)], value.len() as u64, id, self, disk);
        self.streams.insert(id, stream);
        self.put_xattr(path, name, Xattr::Stream(id), disk);
    }

    fn put_xattr(&mut self, path: &str, name: &str, value: Xattr, disk: &Disk) {
        let inode = self.inode_at(path);
        inode.change_time = now(disk);
        if let Some(Xattr::Stream(old)) = inode.xattrs.insert(name.to_owned(), value) {
            self.streams.remove(&old);
        }
    }

    /// A compressed file: its `com.apple.decmpfs` value and, if its data is there, the resource fork.
    pub fn add_compressed(&mut self, path: &str, decmpfs: Vec<u8>, fork: Option<&[u8]>, disk: &mut Disk) {
        let size = super::bytes::u64_at(&decmpfs, 8);
        let inode = self.create(path, S_IFREG | 0o644, disk);
        inode.bsd_flags |= UF_COMPRESSED;
        inode.uncompressed_size = Some(size);
        self.set_xattr(path, "com.apple.decmpfs", decmpfs, disk);
        if let Some(fork) = fork {
            self.set_stream_xattr(path, "com.apple.ResourceFork", fork, disk);
        }
    }

    /// A file sharing another one's stream.
    pub fn clone_file(&mut self, from: &str, to: &str, disk: &Disk) {
        const WAS_CLONED: u64 = 0x10;
        const WAS_EVER_CLONED: u64 = 0x400;
        let source = self.inode_at(from);
        source.internal_flags |= WAS_EVER_CLONED;
        let private_id = source.private_id;
        let mode = source.mode;
        let clone = self.create(to, mode, disk);
        clone.private_id = private_id;
        clone.internal_flags |= WAS_CLONED | WAS_EVER_CLONED;
    }

    /// Writes into a file at a block-aligned offset. Blocks are never overwritten: new ones take their place.
    pub fn overwrite(&mut self, path: &str, offset: u64, data: &[u8], disk: &mut Disk) {
        let block_size = disk.block_size as u64;
        assert!(offset.is_multiple_of(block_size), "the offset is a multiple of the block size");
        let time = now(disk);
        let inode = self.inode_at(path);
        inode.mod_time = time;
        inode.change_time = time;
        inode.write_generation_counter += 1;
        let (inode_id, shared) = (inode.id, inode.private_id);
        let mut stream = self.streams.get(&shared).cloned().unwrap_or_default();
        let mut id = shared;
        if self.stream_users()[&shared] > 1 {
            id = self.alloc_obj_id();
            self.inodes.get_mut(&inode_id).unwrap().private_id = id;
        }
        // The end of the last block keeps what was there.
        let end = offset + data.len() as u64;
        let mut data = data.to_vec();
        if end < stream.size {
            let old = stream.read(disk);
            let keep = (end.next_multiple_of(block_size)).min(stream.size) as usize;
            data.extend_from_slice(&old[end as usize..keep]);
        }
        let (block, count) = self.extents.alloc(&data, id, disk);
        stream.replace(offset / block_size, block, count);
        stream.size = stream.size.max(end);
        self.streams.insert(id, stream);
    }

    /// Cuts a file, whole blocks only being given up.
    pub fn truncate(&mut self, path: &str, size: u64, disk: &Disk) {
        let time = now(disk);
        let inode = self.inode_at(path);
        inode.mod_time = time;
        inode.write_generation_counter += 1;
        let id = inode.private_id;
        let stream = self.streams.get_mut(&id).unwrap_or_else(|| panic!("{path} has no data"));
        let blocks = size.div_ceil(disk.block_size as u64);
        stream.size = size;
        stream.extents.retain(|extent| extent.logical < blocks);
        if let Some(last) = stream.extents.last_mut() {
            last.count = last.count.min(blocks - last.logical);
        }
    }
}
