//! What is typed as a secret is in no answer.

use super::{served, status};

#[tokio::test]
async fn the_address_of_a_chat_is_in_no_answer_whatever_is_wrong_with_it() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    for address in ["hooks.chat.example/planted", "ftp://hooks.chat.example/planted", "https://u:planted@chat.example/"]
    {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("instance", "code")
            .append_pair("format", "slack")
            .append_pair("secret", address)
            .append_pair("private", "true")
            .finish();
        let (host, length) = (&served.address, body.len());
        let head =
            format!("POST /t/default/notifications/alerts HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{own}");
        let answer = served.send(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await;
        assert!(status(&answer) >= 400 && !answer.contains("planted"), "{answer}");
    }
}
