//! Changes of a protocol buffer that leave the lengths around them right.

use super::{Random, mutate::edge};

/// Messages in messages that are looked into.
const MAX_DEPTH: usize = 4;

struct Field {
    /// Number and wire type.
    tag: u64,
    value: Value,
}

enum Value {
    Varint(u64),
    /// A fixed number of bytes.
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

/// Changes one field somewhere in `input`; `other` is there to take from.
pub fn mutate(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    let (Some(mut fields), Some(others)) = (read(input, 0), read(other, 0)) else {
        let at = random.below(input.len());
        if let Some(byte) = input.get_mut(at) {
            *byte = random.next() as u8;
        }
        return;
    };
    change(random, &mut fields, others);
    input.clear();
    write(&fields, input);
}

fn change(random: &mut Random, fields: &mut Vec<Field>, mut others: Vec<Field>) {
    if fields.is_empty() {
        fields.append(&mut others);
        return;
    }
    let at = random.below(fields.len());
    match random.below(8) {
        0 => drop(fields.remove(at)),
        1 => {
            let mut bytes = Vec::new();
            write(&fields[at..=at], &mut bytes);
            for _ in 0..=random.below(3) {
                fields.extend(read(&bytes, 0).unwrap_or_default());
            }
        }
        2 if !others.is_empty() => {
            let other = others.swap_remove(random.below(others.len()));
            fields.insert(at, other);
        }
        3 => {
            // The value of one field under the number of another.
            fields[at].tag = fields[at].tag & 7 | (random.below(12) as u64) << 3;
        }
        _ => change_value(random, &mut fields[at].value, others),
    }
}

fn change_value(random: &mut Random, value: &mut Value, others: Vec<Field>) {
    match value {
        Value::Varint(number) => *number = edge(random),
        Value::Fixed(bytes) => {
            let number = match random.below(3) {
                0 => edge(random),
                1 => random.pick(&[f64::NAN, -1.0, 1.0, f64::INFINITY]).to_bits(),
                _ => random.next(),
            };
            let length = bytes.len();
            bytes.copy_from_slice(&number.to_le_bytes()[..length]);
        }
        Value::Bytes(bytes) => match random.below(5) {
            0 => bytes.truncate(random.below(bytes.len() + 1)),
            1 => bytes.extend_from_within(..),
            2 => bytes.push(random.next() as u8),
            // What is a text stays one.
            3 => bytes.insert(random.below(bytes.len() + 1), b'x'),
            _ => {
                let at = random.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
        },
        Value::Message(fields) => change(random, fields, others),
    }
}

fn read(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed(take(&mut bytes, 8)?.to_vec()),
            5 => Value::Fixed(take(&mut bytes, 4)?.to_vec()),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                length_delimited(take(&mut bytes, length)?, depth)
            }
            _ => return None,
        };
        fields.push(Field { tag, value });
    }
    Some(fields)
}

/// What looks like a message most likely is one: texts seldom do.
fn length_delimited(bytes: &[u8], depth: usize) -> Value {
    let inner = match depth < MAX_DEPTH && !bytes.is_empty() {
        true => read(bytes, depth + 1),
        false => None,
    };
    let plausible = |fields: &Vec<Field>| {
        fields
            .iter()
            .all(|field| (1..64).contains(&(field.tag >> 3)))
    };
    match inner.filter(plausible) {
        Some(fields) => Value::Message(fields),
        None => Value::Bytes(bytes.to_vec()),
    }
}

fn write(fields: &[Field], out: &mut Vec<u8>) {
    for Field { tag, value } in fields {
        put_varint(*tag, out);
        match value {
            Value::Varint(number) => put_varint(*number, out),
            Value::Fixed(bytes) => out.extend_from_slice(bytes),
            Value::Bytes(bytes) => put_bytes(bytes, out),
            Value::Message(fields) => {
                let mut inner = Vec::new();
                write(fields, &mut inner);
                put_bytes(&inner, out);
            }
        }
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}
