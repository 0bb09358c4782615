//! A greedy LZVN encoder that uses every opcode where it fits.

const MIN_MATCH: usize = 3;
const MAX_DISTANCE: usize = 0xFFFF;
const END: [u8; 8] = [6, 0, 0, 0, 0, 0, 0, 0];

/// A raw LZVN stream with its end mark.
pub fn lzvn(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut latest = vec![None; 1 << 14];
    let (mut at, mut literals_from, mut previous) = (0, 0, 0);
    while at < data.len() {
        let again = (previous > 0 && previous <= at).then_some(previous);
        let found = hash(data, at).and_then(|hash| latest[hash].replace(at)).map(|from| at - from);
        let candidates = again.into_iter().chain(found.filter(|distance| *distance <= MAX_DISTANCE));
        let lengths = candidates.map(|distance| (common(data, at, distance), distance));
        // The same distance again costs nothing, so the first of equals wins.
        let best = lengths.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((length, distance)) = best.filter(|(length, _)| *length >= MIN_MATCH) else {
            at += 1;
            continue;
        };
        put(&mut out, &data[literals_from..at], length, distance, distance == previous);
        for inside in at + 1..at + length {
            if let Some(hash) = hash(data, inside) {
                latest[hash] = Some(inside);
            }
        }
        (at, previous) = (at + length, distance);
        literals_from = at;
    }
    put_literals(&mut out, &data[literals_from..]);
    out.extend(END);
    out
}

fn hash(data: &[u8], at: usize) -> Option<usize> {
    let [a, b, c] = *data.get(at..)?.first_chunk::<3>()?;
    let word = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1);
    Some((word >> 18) as usize)
}

fn common(data: &[u8], at: usize, distance: usize) -> usize {
    data[at..].iter().zip(&data[at - distance..]).take_while(|(now, before)| now == before).count()
}

fn put(out: &mut Vec<u8>, literals: &[u8], length: usize, distance: usize, again: bool) {
    // Up to three literals go with a match.
    let with = if literals.len() <= 3 { literals.len() } else { literals.len() % 4 };
    let (before, with) = literals.split_at(literals.len() - with);
    put_literals(out, before);
    let top = (with.len() as u8) << 6;
    let short = |max: usize| (length.min(max), (length.min(max) - MIN_MATCH) as u8);
    // What one opcode can't hold is repeated after it. The more literals, the shorter the match: other bytes of that
    // form mean something else.
    let (done, middle) = short(10 - 2 * with.len());
    let done = if again && with.is_empty() {
        0
    } else if again {
        out.push(top | middle << 3 | 6);
        done
    } else if distance < 0x600 {
        out.extend([top | middle << 3 | (distance >> 8) as u8, distance as u8]);
        done
    } else if distance < 0x4000 {
        let (done, count) = short(34);
        let word = (distance << 2) as u16 | u16::from(count & 3);
        out.push(0xA0 | (with.len() as u8) << 3 | count >> 2);
        out.extend(word.to_le_bytes());
        done
    } else {
        out.push(top | middle << 3 | 7);
        out.extend((distance as u16).to_le_bytes());
        done
    };
    out.extend(with);
    let mut left = length - done;
    while left > 0 {
        let step = left.min(271);
        match step {
            0..=15 => out.push(0xF0 | step as u8),
            _ => out.extend([0xF0, (step - 16) as u8]),
        }
        left -= step;
    }
}

fn put_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for chunk in literals.chunks(271) {
        match chunk.len() {
            len @ 0..=15 => out.push(0xE0 | len as u8),
            len => out.extend([0xE0, (len - 16) as u8]),
        }
        out.extend(chunk);
    }
}
