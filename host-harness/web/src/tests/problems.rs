//! The addresses that problems lead to.

use super::{body, served, status};
use crate::problems::{BASE, FaultCode};

#[tokio::test]
async fn every_code_has_a_page_that_nobody_has_to_be_let_in_for() {
    let served = served().await;
    let list = served.get(BASE, "").await;
    for code in FaultCode::all() {
        let page = served.get(&code.address(), "").await;
        assert_eq!(status(&page), 200, "{code:?}");
        assert!(page.contains("content-type: text/html; charset=utf-8\r\n"), "{page}");
        let means = code.about().means.replace('`', "");
        let told = body(&page).replace("<code>", "").replace("</code>", "");
        let escaped = maud::html! { (means) }.into_string();
        assert!(told.contains(&escaped), "{code:?}: {told}");
        assert!(body(&list).contains(&format!("href=\"{}\"", code.address())), "{code:?}");
    }
    assert_eq!(status(&served.get("/problems/no-such-code", "").await), 404);
    let problem = served.get("/api/v1/tenants", "").await;
    let problem: serde_json::Value = serde_json::from_str(body(&problem)).unwrap();
    assert_eq!(status(&served.get(problem["type"].as_str().unwrap(), "").await), 200);
}
