//! A classic resource fork.

/// A resource: kind, number, name, data.
pub type Resource = ([u8; 4], i16, String, Vec<u8>);

/// The fork that holds resources; those of one kind must stand together.
pub fn resource_fork(resources: &[Resource]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut names = Vec::new();
    let mut references = Vec::new();
    let mut kinds: Vec<([u8; 4], u16, usize)> = Vec::new();
    for (kind, id, name, bytes) in resources {
        match kinds.last_mut() {
            Some((last, count, _)) if last == kind => *count += 1,
            _ => kinds.push((*kind, 0, references.len())),
        }
        let name_offset = if name.is_empty() { 0xFFFF } else { names.len() as u16 };
        if !name.is_empty() {
            names.push(name.len() as u8);
            names.extend(name.bytes());
        }
        references.extend(id.to_be_bytes());
        references.extend(name_offset.to_be_bytes());
        references.extend((0x5000_0000 | data.len() as u32).to_be_bytes());
        references.extend([0; 4]);
        data.extend((bytes.len() as u32).to_be_bytes());
        data.extend(bytes);
    }
    let list_len = 2 + 8 * kinds.len();
    let mut list = (kinds.len() as u16).wrapping_sub(1).to_be_bytes().to_vec();
    for (kind, last, first) in kinds {
        list.extend(kind);
        list.extend(last.to_be_bytes());
        list.extend(((list_len + first) as u16).to_be_bytes());
    }
    let mut map = vec![0; 24];
    map.extend(28u16.to_be_bytes());
    map.extend(((28 + list.len() + references.len()) as u16).to_be_bytes());
    map.extend(list);
    map.extend(references);
    map.extend(names);
    let numbers = [0x100, 0x100 + data.len(), data.len(), map.len()];
    let mut fork: Vec<u8> = numbers.into_iter().flat_map(|number| (number as u32).to_be_bytes()).collect();
    fork.resize(0x100, 0);
    fork.extend(data);
    fork.extend(map);
    fork
}
