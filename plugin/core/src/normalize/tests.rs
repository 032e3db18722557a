#[test]
fn sizes() {
    eprintln!("Finding {} wire {}", size_of::<appsec_model::Finding>(), size_of::<crate::wire::Finding<'_>>());
}
