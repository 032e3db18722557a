//! What can be tried with the bucket.

use crate::{
    bindings::wasi::keyvalue::store::{self, Bucket, Error},
    order::Order,
};

/// Where the order of a sync is kept.
const ORDER: &str = "order";

/// What an operation came to, in words.
fn shown<T>(outcome: Result<T, Error>) -> Result<T, String> {
    outcome.map_err(|error| match error {
        Error::NoSuchStore => "no such store".to_owned(),
        Error::AccessDenied => "access denied".to_owned(),
        Error::Other(what) => what,
    })
}

fn open(name: &str) -> Result<Bucket, String> {
    shown(store::open(name))
}

/// Keeps an order for the later calls of a sync.
pub fn keep(order: &Order) -> Result<(), String> {
    let bytes = serde_json::to_vec(order).unwrap_or_default();
    shown(open("connector")?.set(ORDER, &bytes))
}

/// The order that was kept.
pub fn kept() -> Order {
    let bytes = open("connector").and_then(|bucket| shown(bucket.get(ORDER))).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes one value of `count` bytes.
pub fn write_large(order: &Order) -> Result<String, String> {
    shown(open("connector")?.set("large", &vec![b'x'; order.count]))?;
    Ok("written".to_owned())
}

/// Writes values of `count` bytes under ever new keys until one is refused.
pub fn write_many(order: &Order) -> Result<String, String> {
    let bucket = open("connector")?;
    for number in 0..100_000 {
        if let Err(refused) = shown(bucket.set(&format!("key-{number}"), &vec![b'x'; order.count])) {
            return Ok(format!("{number} written, then: {refused}"));
        }
    }
    Ok("all written".to_owned())
}

/// Writes a value under each of the keys.
pub fn write_keys(order: &Order) -> Result<String, String> {
    let bucket = open("connector")?;
    let outcome = |key: &String| match shown(bucket.set(key, b"mine")) {
        Ok(()) => "written".to_owned(),
        Err(refused) => refused,
    };
    Ok(order.keys.iter().map(outcome).collect::<Vec<_>>().join("; "))
}

/// Opens buckets of these names and reads what the others' guests write.
pub fn read_names(order: &Order) -> Result<String, String> {
    let mut found = Vec::new();
    for name in &order.keys {
        let bucket = open(name)?;
        let value = shown(bucket.get("mark"))?.map(|value| String::from_utf8_lossy(&value).into_owned());
        found.push(format!("{name:?}: {}", value.unwrap_or_else(|| "nothing".to_owned())));
    }
    Ok(found.join("; "))
}

/// Leaves a mark for whoever looks.
pub fn mark(order: &Order) -> Result<String, String> {
    let text = order.keys.concat();
    shown(open("connector")?.set("mark", text.as_bytes()))?;
    Ok("marked".to_owned())
}

/// Removes the mark, and looks for it.
pub fn unmark() -> Result<String, String> {
    let bucket = open("connector")?;
    let before = shown(bucket.exists("mark"))?;
    shown(bucket.delete("mark"))?;
    Ok(format!("{before}, then {}", shown(bucket.exists("mark"))?))
}
