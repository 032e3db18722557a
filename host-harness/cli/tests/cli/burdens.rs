//! What pages weigh.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use crate::{
    serve::Served,
    support::{TestContext, shape},
};

#[test]
fn lists_and_a_first_visit_weigh_little() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let served = Served::new(&context);
    let body = |path: &str| served.get(path).split_once("\r\n\r\n").unwrap().1.to_owned();
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap().len()
    };
    for list in ["findings", "vulnerabilities", "weaknesses", "issues", "packages", "coverage", "mapping"] {
        let page = body(&format!("/t/default/{list}"));
        assert!(page.len() < 100_000 && packed(&page) < 12_000, "{list}: {}, {} packed", page.len(), packed(&page));
    }
    let first = body("/t/default");
    let assets = ["/assets/app.css", "/assets/app.js"].map(|path| body(path).len());
    assert!(first.len() + assets.iter().sum::<usize>() < 250_000, "{} and {assets:?}", first.len());
}
