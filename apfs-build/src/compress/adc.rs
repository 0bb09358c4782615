//! ADC, greedily: the last place where the same three bytes stood.

use std::collections::HashMap;

/// Compressed bytes.
pub fn adc(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last: HashMap<&[u8], usize> = HashMap::new();
    let (mut at, mut literal) = (0, 0);
    while at < data.len() {
        let found = data.get(at..at + 3).and_then(|key| last.insert(key, at));
        let len =
            found.map_or(0, |from| data[at..].iter().zip(&data[from..]).take_while(|(a, b)| a == b).count());
        let distance = found.map_or(0, |from| at - from - 1);
        if len < 4 || distance > 0xFFFF {
            at += 1;
            continue;
        }
        literals(&mut out, &data[literal..at]);
        let len = if distance < 0x400 && len < 19 {
            out.extend([((len - 3) << 2 | distance >> 8) as u8, distance as u8]);
            len
        } else {
            let len = len.min(67);
            out.extend([0x40 | (len - 4) as u8, (distance >> 8) as u8, distance as u8]);
            len
        };
        at += len;
        literal = at;
    }
    literals(&mut out, &data[literal..]);
    out
}

fn literals(out: &mut Vec<u8>, data: &[u8]) {
    for run in data.chunks(128) {
        out.push(0x7F + run.len() as u8);
        out.extend(run);
    }
}
