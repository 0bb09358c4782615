//! Bytes to compress: of every kind that makes an encoder do something else.

/// A small generator of numbers that are the same everywhere.
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.draw() >> 32) * end) >> 32
    }
}

/// Prose-like text: words of a skewed vocabulary, some numbers, lines.
pub fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed | 1);
    let words: Vec<String> = (0..600)
        .map(|_| (0..2 + numbers.below(8)).map(|_| char::from(b'a' + letter(&mut numbers))).collect())
        .collect();
    let mut text = Vec::with_capacity(len + 16);
    while text.len() < len {
        let skewed = numbers.below(600).min(numbers.below(600)).min(numbers.below(600));
        text.extend(words[skewed as usize].bytes());
        match numbers.below(20) {
            0 => text.extend(b".\n"),
            1 => text.extend(numbers.below(100_000).to_string().bytes()),
            _ => text.push(b' '),
        }
    }
    text.truncate(len);
    text
}

fn letter(numbers: &mut Numbers) -> u8 {
    numbers.below(26).min(numbers.below(26)) as u8
}

/// Records of a fixed layout, as in tables and programs: small numbers, shared prefixes, some noise.
pub fn records(len: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed | 1);
    let mut records = Vec::with_capacity(len + 32);
    let mut count = 0u32;
    while records.len() < len {
        count += 1 + numbers.below(3) as u32;
        records.extend(count.to_le_bytes());
        records.extend((numbers.below(300) as u32 * 8).to_le_bytes());
        records.extend([0xFF, 0, 0x80, numbers.below(4) as u8]);
        records.extend((numbers.draw() as u32 >> 12).to_be_bytes());
    }
    records.truncate(len);
    records
}

/// Bytes that nothing compresses.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed | 1);
    (0..len).map(|_| (numbers.draw() >> 56) as u8).collect()
}

/// Runs: each a pattern of 1 to 40 bytes that repeats up to 300 times.
pub fn runs(len: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed | 1);
    let mut runs = Vec::with_capacity(len + 12_000);
    while runs.len() < len {
        let pattern = noise(1 + numbers.below(40) as usize, numbers.draw());
        for _ in 0..numbers.below(300) {
            runs.extend(&pattern);
        }
    }
    runs.truncate(len);
    runs
}

/// Every kind, by name.
pub fn all(len: usize, seed: u64) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("text", text(len, seed)),
        ("records", records(len, seed)),
        ("noise", noise(len, seed)),
        ("runs", runs(len, seed)),
        ("zeros", vec![0; len]),
    ]
}
