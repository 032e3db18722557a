//! A backup that is downloaded.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::served;

#[tokio::test]
async fn a_backup_is_an_archive_that_unpacks_to_what_is_restored() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let (host, own) = (&served.address, "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n");
    // Of an older version, so that the body is not in pieces.
    let request = format!("POST /t/default/backup HTTP/1.0\r\nHost: {host}\r\n{own}{session}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.contains(" 200 ") && head.contains("content-type: application/x-tar"), "{head}");
    let unpacked = tempfile::tempdir().unwrap();
    tar::Archive::new(&answer[end + 4..]).unpack(unpacked.path()).unwrap();
    let folder = std::fs::read_dir(unpacked.path()).unwrap().next().unwrap().unwrap().path();
    let name = "copy".parse().unwrap();
    let restored = served.harness.restore(&folder, Some(&name), false).await.unwrap();
    assert_eq!((restored.name.as_str(), restored.backup.tenant.as_str()), ("copy", "default"));
    let uploads = std::fs::read_dir(served._folder.path()).unwrap().flatten();
    let left: Vec<_> = uploads.filter(|it| it.file_name().to_string_lossy().starts_with("uploads-")).collect();
    let kept = |it: &std::fs::DirEntry| std::fs::read_dir(it.path()).map_or(0, Iterator::count);
    assert_eq!(left.iter().map(kept).collect::<Vec<_>>(), [1], "nothing but its lock stays");
}
