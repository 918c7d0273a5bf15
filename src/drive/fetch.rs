//! Fetching a published file over HTTP/1.1 into a file: redirections are followed, and it ends where it is longer than was expected or nothing
//! comes any more. Whether it is what was wanted is for whoever wanted it to see.

use super::http::connect;
use super::redirect::led;
use crate::limits::{FETCH_REDIRECTS_MAX, FETCH_STALL_MAX};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, Response, Uri};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use tokio::time::timeout;

/// Writes what `url` leads to into `file`, which is made anew; `told` hears how many octets have come. It may have `octets` at most.
///
/// # Errors
/// What went wrong, and where; what has come stays in `file`.
pub async fn fetch(url: &str, file: &Path, octets: u64, mut told: impl FnMut(u64)) -> Result<(), String> {
    let mut at: Uri = url.parse().map_err(|_| format!("{url} is no address"))?;
    for _ in 0..=FETCH_REDIRECTS_MAX {
        let here = format!(
            "{}://{}",
            at.scheme_str().unwrap_or_default(),
            at.authority().map_or("", |a| a.as_str())
        );
        let failed = |why: &str| format!("{here}: {why}");
        let answer = timeout(FETCH_STALL_MAX, get(&at)).await;
        let answer = answer.map_err(|_| failed("no answer"))?.map_err(|why| failed(&why))?;
        if answer.status().is_redirection() {
            at = led(&at, answer.headers())
                .ok_or_else(|| failed("it leads to no address that can be used"))?;
            continue;
        }
        if !answer.status().is_success() {
            return Err(failed(&format!("it answers {}", answer.status())));
        }
        let cannot = |e: std::io::Error| format!("{}: {e}", file.display());
        let (mut out, mut count) = (File::create(file).map_err(cannot)?, 0);
        let mut body = answer.into_body();
        loop {
            let frame =
                timeout(FETCH_STALL_MAX, body.frame()).await.map_err(|_| failed("nothing comes any more"))?;
            let Some(frame) = frame else { return out.flush().map_err(cannot) };
            let frame = frame.map_err(|_| failed("the connection broke"))?;
            let Some(data) = frame.data_ref() else { continue };
            count += data.len() as u64;
            if count > octets {
                return Err(failed("it is longer than the published file"));
            }
            out.write_all(data).map_err(cannot)?;
            told(count);
        }
    }
    Err(format!("{url} leads on and on"))
}

async fn get(uri: &Uri) -> Result<Response<Incoming>, String> {
    let mut request = Request::new(Empty::<Bytes>::new());
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    *request.uri_mut() = path.parse().map_err(|_| "the address cannot be read")?;
    let host = uri.authority().map_or("", |a| a.as_str());
    request.headers_mut().insert(HOST, host.parse().map_err(|_| "the host cannot be sent")?);
    let wrong = |_: hyper::Error| "the connection broke".to_owned();
    let (mut sender, connection) = handshake(connect(uri).await?).await.map_err(wrong)?;
    // It carries the answer's body, and ends with it.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers its n-th connection with the n-th text, and closes it.
    async fn server(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/models/a.bin", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut asked, mut buffer) = (Vec::new(), [0; 1024]);
                while !asked.ends_with(b"\r\n\r\n") {
                    let n = stream.read(&mut buffer).await.unwrap();
                    asked.extend_from_slice(&buffer[..n]);
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }

    fn moved(to: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }

    const FILE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\na file ok";

    #[tokio::test]
    async fn a_file_is_fetched_over_redirections_and_anything_else_is_an_error_that_says_why() {
        let file = std::env::temp_dir().join(format!("trunkline-fetch-{}", std::process::id()));
        let url = server(vec![moved("/elsewhere?x=1"), FILE.into()]).await;
        let mut told = 0;
        fetch(&url, &file, 9, |count| told = count).await.unwrap();
        assert_eq!((std::fs::read_to_string(&file).unwrap().as_str(), told), ("a file ok", 9));
        for (answers, octets, why) in [
            (vec![FILE.to_owned()], 8, "longer than the published file"),
            (vec!["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into()], 9, "it answers 404"),
            (vec![moved("ftp://a.example/")], 9, "no address that can be used"),
            (vec![moved("/again"); 20], 9, "on and on"),
            (vec![FILE.replace(": 9", ": 20")], 20, "the connection broke"),
        ] {
            let url = server(answers).await;
            let error = fetch(&url, &file, octets, |_| {}).await.unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(fetch("http://", &file, 9, |_| {}).await.is_err());
        std::fs::remove_file(file).unwrap();
    }
}
