//! A browser that runs under the user of the server.

use super::{body, served, status};

#[tokio::test]
async fn whoever_runs_under_the_user_of_the_server_is_asked_and_let_in() {
    let served = served().await;
    let closed = served.get("/t/default/findings?severity=high", "Sec-Fetch-Site: none\r\n").await;
    assert_eq!(status(&closed), 401);
    assert!(body(&closed).contains("Let me in"), "{closed}");
    assert!(body(&closed).contains("value=\"/t/default/findings?severity=high\""), "{closed}");
    // A program is told of tokens instead.
    let program = served.get("/api/v1/me", "").await;
    assert!(status(&program) == 401 && !program.contains("Let me in"), "{program}");

    let enter = async |headers: &str, to: &str| {
        let (host, body) = (&served.address, format!("to={to}"));
        let head = format!("POST /enter HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}");
        served.send(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await
    };
    let own = "Sec-Fetch-Site: same-origin\r\n";
    let entered = enter(own, "%2Ft%2Fdefault%2Ffindings%3Fseverity%3Dhigh").await;
    assert_eq!(status(&entered), 303, "{entered}");
    assert!(entered.to_lowercase().contains("location: /t/default/findings?severity=high\r\n"), "{entered}");
    let cookie = entered.lines().find_map(|it| it.split_once("et-cookie: ")).map(|(_, it)| it).unwrap();
    let session = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(status(&served.get("/tenants", &session).await), 200);

    // A page of another site cannot press the button, and nobody is led elsewhere.
    for other in ["", "Sec-Fetch-Site: cross-site\r\n", "Origin: http://evil.example\r\n", "Origin: null\r\n"] {
        let refused = enter(other, "/").await;
        assert!(status(&refused) == 401 && !refused.to_lowercase().contains("set-cookie"), "{other}: {refused}");
    }
    let proxied = enter(&format!("{own}X-Forwarded-For: 203.0.113.9\r\n"), "/").await;
    assert!(status(&proxied) == 403 || status(&proxied) == 421, "{proxied}");
    for elsewhere in ["%2F%2Fevil.example", "https:%2F%2Fevil.example", "%2F%5Cevil.example", "%2Fa%0D%0Ab"] {
        let led = enter(own, elsewhere).await;
        assert!(led.to_lowercase().contains("location: /\r\n"), "{elsewhere}: {led}");
    }
}
