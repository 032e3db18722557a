use std::net::IpAddr;

use super::{Addresses, EgressPolicy, Origin, Refusal};

fn policy(granted: &[&str]) -> EgressPolicy {
    let mut policy = EgressPolicy::default();
    for origin in granted {
        policy.grant(origin.parse().unwrap(), Addresses::Public);
    }
    policy
}

/// Clouds' metadata services, in every spelling.
const METADATA: [&str; 20] = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "100.96.0.96",
    "168.63.129.16",
    "::ffff:100.100.100.200",
    "::100.100.100.200",
    "::ffff:0:100.100.100.200",
    "64:ff9b::169.254.169.254",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd00:ec2:1:2:3:4:5:6",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fd00:a9fe:a9fe::1",
    "fd00:100::100:200",
    "fd12::5efe:169.254.169.254",
    "fd12::200:5efe:100.100.100.200",
    "2606:4700::5efe:169.254.169.254",
];

#[test]
fn an_empty_policy_denies_everything() {
    assert!(matches!(policy(&[]).check("https://vendor.example/"), Err(Refusal::NotGranted(_))));
}

#[test]
fn scheme_host_and_port_must_all_agree() {
    let policy = policy(&["https://vendor.example"]);
    for granted in [
        "https://vendor.example/api",
        "https://vendor.example:443/api",
        "https://VENDOR.example./api",
        "https://vendor%2Eexample/",
    ] {
        assert!(policy.check(granted).is_ok(), "{granted}");
    }
    for refused in [
        "http://vendor.example/",
        "http://vendor.example:443/", // the port alone does not tell them apart
        "https://vendor.example:8443/",
        "https://api.vendor.example/",
        "https://vendor.example.evil.example/",
        "https://evil.example/vendor.example",
        "https://vendor.example@evil.example/",
        "https://user@vendor.example/",
        "https://vendоr.example/", // a Cyrillic letter
        "ftp://vendor.example/",
        "vendor.example",
        "",
    ] {
        assert!(policy.check(refused).is_err(), "{refused}");
    }
}

#[test]
fn every_spelling_of_a_number_is_judged_as_that_number() {
    let policy = policy(&[
        "http://127.0.0.1:80",
        "http://[::1]",
        "http://169.254.169.254",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:169.254.169.254]",
        "http://[fd00:ec2::254]",
    ]);
    for refused in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://0xa9fea9fe/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
        "http://[fd00:0ec2:0:0:0:0:0:0254]/",
    ] {
        assert!(matches!(policy.check(refused), Err(Refusal::Address { .. })), "{refused}");
    }
}

#[test]
fn an_operator_can_grant_private_addresses_but_never_link_local_ones() {
    let check = |text: &str| Addresses::Private.check(text.parse::<IpAddr>().unwrap());
    for granted in
        ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "::1", "fd12::1", "8.8.8.8", "::ffff:10.1.2.3"]
    {
        assert_eq!(check(granted), Ok(()), "{granted}");
    }
    for refused in ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254", "255.255.255.255"] {
        assert!(check(refused).is_err(), "{refused}");
    }
    // Clouds' metadata services, wherever they are.
    for refused in METADATA {
        assert!(check(refused).is_err(), "{refused}");
    }
    // What an address is in part only says nothing of where it leads.
    for refused in ["64:ff9b:1:a9fe:a9:fe00:808:808", "64:ff9b:1::808:808", "2002:808:808::1", "2001::808:808"] {
        assert_eq!(check(refused), Err("a reserved address"), "{refused}");
    }
}

#[test]
fn addresses_outside_of_the_public_internet_are_refused() {
    let check = |text: &str| Addresses::Public.check(text.parse::<IpAddr>().unwrap());
    for public in
        ["1.1.1.1", "52.84.0.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "2606::5efe:8.8.8.8"]
    {
        assert_eq!(check(public), Ok(()), "{public}");
    }
    for special in [
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.9.9.9",
        "169.254.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::a00:1",
        "64:ff9b:1::808:808",
        "64:ff9b:1:a9fe:a9:fe00:808:808",
        "2606:4700::5efe:10.0.0.1",
        "2002:a00:1::",
        "2002:808:808::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "100::1",
        "::ffff:0:10.0.0.1",
        "3fff::1",
    ] {
        assert!(check(special).is_err(), "{special}");
    }
}

#[test]
fn an_origin_has_one_spelling() {
    let show = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
    assert_eq!(show("HTTPS://Vendor.EXAMPLE/").unwrap(), "https://vendor.example");
    assert_eq!(show("https://vendor.example:443").unwrap(), "https://vendor.example");
    assert_eq!(show("http://localhost:8080").unwrap(), "http://localhost:8080");
    assert_eq!(show("http://[::1]:80").unwrap(), "http://[::1]");
    assert_eq!(show("https://bücher.example").unwrap(), "https://xn--bcher-kva.example");
    for bad in ["https://a/b", "https://a?b", "https://a#b", "https://u@a", "vendor.example", "file:///x", "https://"] {
        assert!(show(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_for_a_proxy_are_judged_like_addresses() {
    let judged = |name: &str| {
        let of = |addresses: Addresses| addresses.check_name(name).err().unwrap_or("public");
        (of(Addresses::Public), of(Addresses::Private))
    };
    for name in ["localhost", "vendor.localhost"] {
        assert_eq!(judged(name), ("a name of this machine", "public"), "{name}");
    }
    for name in ["vendor", "vendor.internal", "nas.local", "a.b.corp", "router.home.arpa", "vendor.lan"] {
        assert_eq!(judged(name), ("a name of a private network", "public"), "{name}");
    }
    for name in ["metadata.google.internal", "metadata", "instance-data", "metadata.goog"] {
        let refused = "a name of a cloud's metadata service";
        assert_eq!(judged(name), (refused, refused), "{name}");
    }
    for name in
        ["vendor.dev", "internal.example", "localhost.example", "mylocal.example", "arpa.example", "notlocalhost.de"]
    {
        assert_eq!(judged(name), ("public", "public"), "{name}");
    }
}
