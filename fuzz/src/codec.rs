//! The targets of decompression: streams and compressed files, made by encoders and then changed.

use apfs_core::codec::{Fault, adc, lzbitmap, lzfse, lzvn, zlib};
use apfs_core::decmpfs::{ChunkCache, Compressed};
use apfs_core::{Class, FileId};
use apfs_tests::compress::{self, decmpfs, sample};

type Decode = fn(&[u8], &mut [u8]) -> Result<(), Fault>;
type Encode = fn(&[u8]) -> Vec<u8>;

/// Codecs that are written here, with an encoder each, and zlib around its crate.
const CODECS: [(Decode, Encode); 4] = [
    (lzfse::decode, compress::lzfse),
    (lzvn::decode, compress::lzvn),
    (lzbitmap::decode, compress::lzbitmap),
    (zlib::decode, compress::zlib),
];

/// A byte that is nowhere in an untouched buffer by accident.
const CANARY: u8 = 0xC7;
/// Most bytes that a stream is asked for.
const MAX_LEN: u64 = 150_000;

/// What the first bytes of an input choose; the others are changes, or the stream itself.
struct Input<'i> {
    choice: u8,
    kind: u8,
    len: usize,
    rest: &'i [u8],
}

impl Input<'_> {
    fn decode(bytes: &[u8]) -> Option<Input<'_>> {
        let (&[choice, kind, low, high], rest) = bytes.split_first_chunk::<4>()?;
        // Squared, so that short ones are common and long ones possible.
        let len = u64::from(u16::from_le_bytes([low, high]));
        let len = usize::try_from((len * len * MAX_LEN) >> 32).ok()?;
        Some(Input { choice, kind, len, rest })
    }

    fn data(&self) -> Vec<u8> {
        let mut all = sample::all(self.len, u64::from(self.kind) + 1);
        let nth = usize::from(self.kind) % all.len();
        all.swap_remove(nth).1
    }

    /// Changes bytes: three say where, one what to.
    fn change(&self, bytes: &mut [u8]) {
        for change in self.rest.chunks_exact(4) {
            let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
            if let Some(byte) = bytes.len().checked_sub(1).and_then(|last| bytes.get_mut(at.min(last))) {
                *byte = change[3];
            }
        }
    }
}

/// A stream of any codec: an encoder's, changed, or the input's own bytes.
pub fn codec(bytes: &[u8]) {
    let Some(input) = Input::decode(bytes) else { return };
    let (decode, encode) = CODECS[usize::from(input.choice) % CODECS.len()];
    let stream = if input.choice < 0x80 {
        let mut stream = encode(&input.data());
        input.change(&mut stream);
        stream
    } else {
        input.rest.to_vec()
    };
    expand(decode, &stream, input.len);
    expand(adc::decode, &stream, input.len);
    for stream in [&stream, &compress::lzvn_block(&stream, input.len)] {
        compare(stream, input.len);
    }
}

/// Decodes into the middle of a buffer; the rest of it must stay as it is.
fn expand(decode: Decode, stream: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![CANARY; len + 128];
    let result = decode(stream, &mut buffer[64..64 + len]);
    let untouched = buffer[..64].iter().chain(&buffer[64 + len..]).all(|byte| *byte == CANARY);
    assert!(untouched, "promise: nothing is written outside of the buffer");
    let first = result.ok().map(|()| buffer[64..64 + len].to_vec())?;
    // What is in the buffer before, or behind the stream, has no say.
    let mut again = vec![!CANARY; len];
    assert!(decode(stream, &mut again).is_ok() && again == first, "promise: every byte is from the stream");
    Some(first)
}

/// LZFSE against `lzfse_rust`: what it decodes, ours decodes to the same.
fn compare(stream: &[u8], len: usize) {
    let ours = expand(lzfse::decode, stream, len);
    // A block may say that it is gigabytes.
    let mut out = Limited(Vec::new());
    let theirs = lzfse_rust::LzfseRingDecoder::default().decode(&mut &stream[..], &mut out).is_ok();
    if theirs && out.0.len() == len {
        assert!(ours.as_ref() == Some(&out.0), "promise: the same bytes as the other decoder");
    } else if theirs {
        assert!(ours.is_none(), "promise: a stream of another length is refused");
    }
}

/// Takes a few megabytes and then fails.
struct Limited(Vec<u8>);

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > 4 << 20 {
            return Err(std::io::Error::other("enough"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A compressed file of any type; attribute and fork are changed as if they were one.
pub fn decmpfs_file(bytes: &[u8]) {
    let Some(input) = Input::decode(bytes) else { return };
    let kind = decmpfs::KINDS[usize::from(input.choice) % decmpfs::KINDS.len()];
    let (attribute, fork) = decmpfs::packed(kind, &input.data());
    let at = attribute.len();
    let mut both = [attribute, fork.clone().unwrap_or_default()].concat();
    input.change(&mut both);
    let (attribute, changed) = both.split_at(at);
    let fork = fork.map(|_| changed.to_vec());
    let file = match Compressed::open(FileId(7), attribute, || Ok(fork)) {
        Ok(file) => file,
        Err(error) => return expected(&error),
    };
    let cache = ChunkCache::new(1 << 20);
    let len = file.len().min(300_000) as usize;
    let mut whole = vec![CANARY; len];
    let read = file.read_at(0, &mut whole, &cache);
    let mut pieces = vec![!CANARY; len];
    let mut result = Ok(());
    for (nth, piece) in pieces.chunks_mut(9_973).enumerate() {
        match file.read_at(nth as u64 * 9_973, piece, &cache) {
            Ok(count) => assert_eq!(count, piece.len(), "promise: a read is short only at the end"),
            Err(error) => result = Err(error),
        }
    }
    match (read, result) {
        (Ok(count), Ok(())) => {
            assert_eq!(count, len);
            assert!(whole == pieces, "promise: reads do not depend on how they are cut");
        }
        (Err(error), Err(_)) => expected(&error),
        (read, pieces) => panic!("promise: cutting a read hides no damage: {read:?} {pieces:?}"),
    }
    assert!(file.read_at(file.len(), &mut [0; 9], &cache).is_ok_and(|count| count == 0));
    let _ = file.read_at(file.len().saturating_sub(3), &mut [0; 9], &cache);
}

fn expected(error: &apfs_core::Error) {
    let class = error.class();
    assert!(
        matches!(class, Class::Corrupt | Class::Unsupported | Class::Limit),
        "promise: {class:?}: {error}"
    );
}
