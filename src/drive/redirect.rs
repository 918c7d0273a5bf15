//! Where a redirection leads (RFC 9110 §15.4), and whether it is followed.

use hyper::header::LOCATION;
use hyper::{HeaderMap, Method, StatusCode, Uri};

/// Where an answer from `from` leads: never from TLS into the open. What is relative to a scheme (`//host`) or to another path is not understood.
pub(super) fn led(from: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let to = headers.get(LOCATION)?.to_str().ok()?;
    let whole = to.contains("://") || to.starts_with('/') && !to.starts_with("//");
    let to: Uri = to.parse().ok().filter(|_| whole)?;
    let to = match to.authority() {
        Some(_) => to,
        None => Uri::builder()
            .scheme(from.scheme()?.clone())
            .authority(from.authority()?.clone())
            .path_and_query(to.path_and_query()?.clone())
            .build()
            .ok()?,
    };
    (from.scheme_str() == to.scheme_str() || to.scheme_str() == Some("https")).then_some(to)
}

/// The same, for a request with secrets and a caller's values in it: to the same host alone, and at the same port unless it becomes
/// encrypted. What was posted is posted again (307, 308), never made a GET of.
pub(super) fn led_at_home(
    from: &Uri,
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Uri> {
    let follows = match status.as_u16() {
        307 | 308 => true,
        301..=303 => *method == Method::GET,
        _ => false,
    };
    let to = led(from, headers).filter(|_| follows)?;
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let encrypted = from.scheme_str() != to.scheme_str();
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    (host(from) == host(&to) && (encrypted || port(from) == port(&to))).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn location(to: &str) -> HeaderMap {
        HeaderMap::from_iter([(LOCATION, to.parse().unwrap())])
    }

    #[test]
    fn a_redirection_stays_encrypted() {
        let led = |from: &str, to: &str| led(&uri(from), &location(to));
        assert!(led("https://a.example/x", "http://a.example/y").is_none());
        assert_eq!(led("https://a.example/x", "/y?z"), Some(uri("https://a.example/y?z")));
        assert_eq!(led("http://a.example/x", "https://b.example/"), Some(uri("https://b.example/")));
        assert!(led("http://a.example/x", "y").is_none(), "no path from the root");
    }

    #[test]
    fn what_is_secret_stays_at_its_host_and_what_is_posted_is_posted_again() {
        let home = |method: Method, status: u16, to: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            led_at_home(&uri("http://a.example:8080/x"), &method, status, &location(to))
                .map(|u| u.to_string())
        };
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(
                home(Method::GET, status, "/y").as_deref(),
                Some("http://a.example:8080/y"),
                "{status}"
            );
            assert_eq!(home(Method::POST, status, "/y").is_some(), status >= 307, "{status}");
        }
        assert!(home(Method::GET, 300, "/y").is_none());
        assert!(home(Method::GET, 302, "https://A.example/y").is_some(), "the same host, encrypted");
        for elsewhere in
            ["http://b.example:8080/y", "https://b.example/y", "http://a.example/y", "//b.example/y"]
        {
            assert!(home(Method::GET, 302, elsewhere).is_none(), "{elsewhere}");
        }
    }
}
