//! A publisher and an operator, with nothing between them but files.

use std::fs;

use crate::support::{TestContext, shape};

#[test]
fn a_connector_comes_from_whoever_publishes_it_to_whoever_runs_it() {
    let context = TestContext::new(shape(), vec![]);
    let path = |name: &str| context.folder.path().join(name).to_str().unwrap().to_owned();
    let (component, catalogue, key) = (path("semgrep.wasm"), path("catalogue.json"), path("key"));
    fs::write(&component, host_harness::BUNDLED[0].component).unwrap();
    assert!(context.ok(&["catalogue", "list"]).starts_with("No catalogue has been added"));
    let none = context.run(&["catalogue", "search"]);
    assert!(none.stderr.contains("harness catalogue add NAME"), "{}", none.stderr);

    // The publisher.
    let keys = context.json(&["catalogue", "generate-key", &key]);
    context.follows("catalogue-generate-key", &keys);
    assert_eq!(context.run(&["catalogue", "generate-key", &key]).code, 1, "a key is never overwritten");
    let judged = ["conformance", &component, "--only", "describe.manifest", "--json"];
    let report = context.file("report.json", &context.run(&judged).stdout);
    let built = context.json(&["catalogue", "build", &catalogue, &component, "--conformance", &report]);
    context.follows("catalogue-build", &built);
    assert_eq!(built["connectors"][0]["conformance"]["passed"], 1);
    let sign = ["catalogue", "sign", &catalogue, "--secret-key-file", &key];
    context.follows("catalogue-sign", &context.json(&sign));
    let unreasoned = context.run(&["catalogue", "build", &catalogue, "--yank", "semgrep@0.1.0"]);
    assert_eq!(unreasoned.code, 2, "{}", unreasoned.stderr);

    // The operator.
    let public = keys["public_key"].as_str().unwrap();
    let added = context.json(&["catalogue", "add", "acme", &catalogue, "--key", public]);
    context.follows("catalogue-add", &added);
    context.follows("catalogue-list", &context.json(&["catalogue", "list"]));
    let found = context.json(&["catalogue", "search", "SAST"]);
    context.follows("catalogue-search", &found);
    let shown = context.ok(&["catalogue", "search"]);
    for part in ["https://semgrep.dev", "SEMGREP_APP_TOKEN", "available", "acme"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let installed = context.json(&["connector", "install", "semgrep"]);
    context.follows("connector-install", &installed);
    assert_eq!(
        (&installed["catalogue"], &installed["sha256"]),
        (&"acme".into(), &found["matches"][0]["entry"]["sha256"])
    );
    let unknown = context.run(&["connector", "install", "semgrip", "--json"]).error();
    assert_eq!(unknown["code"], "connector-not-catalogued");
    assert!(unknown["message"].as_str().unwrap().ends_with("did you mean `semgrep`?"), "{unknown}");

    // Taken back by its publisher; who has it is told, who has it not does not get it.
    context.ok(&["catalogue", "build", &catalogue, "--yank", "semgrep=it loses findings"]);
    assert_eq!(
        context.run(&["catalogue", "search", "--catalogue", "acme", "--json"]).error()["code"],
        "catalogue-unavailable"
    );
    context.ok(&sign);
    let outdated = context.json(&["catalogue", "outdated"]);
    context.follows("catalogue-outdated", &outdated);
    assert_eq!(outdated["connectors"][0]["state"], "yanked");
    assert!(context.ok(&["catalogue", "outdated"]).contains("yanked: it loses findings"));
    let refused = context.run(&["connector", "install", "semgrep"]);
    assert!(refused.stderr.contains("not yanked"), "{}", refused.stderr);

    // Somebody changes it on its way.
    let text = fs::read_to_string(&catalogue).unwrap();
    fs::write(&catalogue, text.replace("it loses findings", "nothing is wrong!")).unwrap();
    let changed = context.run(&["connector", "install", "semgrep"]);
    assert_eq!(changed.code, 1);
    assert!(changed.stderr.contains("does not match its signature"), "{}", changed.stderr);
    let partial = context.json_in_part(&["catalogue", "outdated"]);
    assert_eq!(partial["unread"][0]["code"], "catalogue-signature");
    context.follows("catalogue-remove", &context.json(&["catalogue", "remove", "acme"]));
}
