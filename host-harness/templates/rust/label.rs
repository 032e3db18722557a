//! Writes into a component what it is, for `harness inspect` and registries:
//!
//!     cargo tree --prefix none --format '{p}|{l}|{r}' … | label FILE.wasm REVISION
//!
//! The first line is the component itself, the others are what is linked into it.

use std::{env, fs, io};

fn main() -> io::Result<()> {
    let (file, revision) = (env::args().nth(1).unwrap_or_default(), env::args().nth(2).unwrap_or_default());
    let mut lines: Vec<String> = Vec::new();
    for line in io::stdin().lines() {
        // What was listed before is marked.
        let line = line?.replace(" (*)", "");
        if !line.is_empty() && !lines.contains(&line) {
            lines.push(line);
        }
    }
    let rows: Vec<(&str, &str, &str, &str)> = lines.iter().filter_map(|line| row(line)).collect();
    let Some((name, version, license, source)) = rows.first() else {
        return Err(io::Error::other("cargo lists no packages"));
    };
    // A subsection of the number 0, with a text of its own length.
    let own = [&[0][..], &counted(&counted(name.as_bytes()))].concat();
    let mut component = fs::read(&file)?;
    component.extend(section("component-name", &own));
    component.extend(section("version", version.as_bytes()));
    component.extend(section("licenses", license.as_bytes()));
    component.extend(section("source", source.as_bytes()));
    component.extend(section("revision", revision.as_bytes()));
    component.extend(section(".dep-v0", &stored(packages(&rows).as_bytes())));
    fs::write(file, component)
}

fn row(line: &str) -> Option<(&str, &str, &str, &str)> {
    let mut fields = line.split('|');
    let mut words = fields.next()?.split(' ');
    let (name, version) = (words.next()?, words.next()?.trim_start_matches('v'));
    Some((name, version, fields.next()?.trim(), fields.next()?.trim()))
}

/// The list of `cargo auditable`, which scanners read. Names and versions of packages
/// have no signs that JSON escapes.
fn packages(rows: &[(&str, &str, &str, &str)]) -> String {
    let needed: Vec<String> = (1..rows.len()).map(|at| at.to_string()).collect();
    let listed = rows.iter().enumerate().map(|(at, (name, version, ..))| match at {
        0 => format!(
            r#"{{"name":"{name}","version":"{version}","source":"local","root":true,"dependencies":[{}]}}"#,
            needed.join(",")
        ),
        _ => format!(r#"{{"name":"{name}","version":"{version}","source":"crates.io"}}"#),
    });
    format!(r#"{{"packages":[{}]}}"#, listed.collect::<Vec<_>>().join(","))
}

fn section(name: &str, content: &[u8]) -> Vec<u8> {
    if content.is_empty() {
        return Vec::new();
    }
    [&[0][..], &counted(&[&counted(name.as_bytes())[..], content].concat())].concat()
}

/// Bytes with their length in front.
fn counted(content: &[u8]) -> Vec<u8> {
    let (mut length, mut digits) = (content.len(), Vec::new());
    while length > 127 {
        digits.push((length % 128) as u8 | 128);
        length /= 128;
    }
    digits.push(length as u8);
    digits.extend(content);
    digits
}

/// Bytes in the form of zlib, not made smaller: that needs no library.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let mut parts = bytes.chunks(0xffff).peekable();
    while let Some(part) = parts.next() {
        let length = part.len() as u16;
        zlib.push(u8::from(parts.peek().is_none()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(part);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    zlib.extend((high << 16 | low).to_be_bytes());
    zlib
}
