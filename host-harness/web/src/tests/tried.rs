//! What is only tried.

use super::{served, status};

#[tokio::test]
async fn what_is_only_tried_is_no_change_and_the_editor_has_an_address_of_its_own() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    let access = served.harness.access().unwrap();
    let send = async |method: &str, path: &str, body: &str| {
        let (host, length) = (&served.address, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{own}");
        status(&served.send(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await)
    };
    let (page, api) = ("/t/default/policy-file", "/api/v1/tenants/default");
    let file = "[[policy]]\nid = \"file\"\ntitle = \"t\"\nseverity = \"high\"\non = \"finding\"\nwhen = \"kev\"\n";
    let form = |seen: &str| {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("seen", seen)
            .append_pair("text", file)
            .finish()
    };
    let decision = r#"{"decision":"fixing"}"#;
    for (method, path, body, expected) in [
        ("PUT", format!("{api}/policies?dry_run=true"), file.to_owned(), 200),
        ("PUT", format!("{api}/policies?dry_run=yes"), file.to_owned(), 422),
        ("POST", format!("{api}/triage?severity=high&dry_run=true"), decision.to_owned(), 200),
        ("POST", format!("{api}/triage/clear?severity=high&dry_run"), "{}".to_owned(), 200),
        ("POST", "/t/default/triage/preview?severity=high".to_owned(), "decision=fixing".to_owned(), 200),
        ("POST", format!("{page}/check"), form(""), 200),
    ] {
        assert_eq!(send(method, &path, &body).await, expected, "{method} {path}");
    }
    assert_eq!(access.audit(Some(&"default".parse().unwrap()), 9).await.unwrap().entries.len(), 0);

    assert_eq!(send("POST", page, &form("x")).await, 412, "there are none by now");
    assert_eq!(send("POST", page, &form("")).await, 303);
    assert_eq!(status(&served.get("/t/default/policies/file", &own).await), 200, "a policy of whatever name");
    let shown = served.get(page, &own).await;
    let seen = shown.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(send("POST", &format!("{page}/remove"), &form("")).await, 412, "they were not seen");
    assert_eq!(send("POST", &format!("{page}/remove"), &form(seen)).await, 303);
    let told = access.audit(Some(&"default".parse().unwrap()), 9).await.unwrap().entries;
    let told: Vec<_> = told.iter().rev().map(|it| format!("{} {}", it.action, it.outcome.as_str())).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    import policies started
    import policies failed
    import policies started
    import policies done
    remove policies started
    remove policies failed
    remove policies started
    remove policies done
    ");
}
