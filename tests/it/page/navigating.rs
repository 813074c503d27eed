//! Going places.

use super::*;

#[tokio::test]
async fn a_navigation_gives_status_title_and_url() {
    let bench = Bench::open(&[
        ("/", "<title>home</title><a href='/next'>Next</a>"),
        ("/next", "<title>next</title>"),
    ])
    .await;
    let done = bench.go("/status/404").await.unwrap();
    assert_eq!((done.page.status, done.page.title.as_str()), (Some(404), "status 404"));
    let done = bench.go("/").await.unwrap();
    assert_eq!((done.page.status, done.page.title.as_str()), (Some(200), "home"));
    assert_eq!(done.page.url, format!("{}/", bench.pages.origin));
    let done = bench.click("Next").await.unwrap();
    assert_eq!((done.page.status, done.page.title.as_str()), (Some(200), "next"));
    let done = bench.call(Call::GoBack).await.unwrap();
    assert_eq!(done.page.title, "home");
    let done = bench.call(Call::Reload).await.unwrap();
    assert_eq!((done.page.status, done.page.title.as_str()), (Some(200), "home"));
    let done = bench.go("#top").await.unwrap();
    assert_eq!(done.page.url, format!("{}/#top", bench.pages.origin));
    assert_eq!(done.page.status, None, "the document is not new");
    let done = bench.go(&bench.pages.other.clone()).await.unwrap();
    assert_eq!(done.page.title, "home");
    assert!(done.page.url.contains("localhost"));
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why() {
    let bench = Bench::open(&[("/", "<title>home</title>")]).await;
    for (url, error) in [
        ("/loop", "ERR_TOO_MANY_REDIRECTS"),
        ("http://127.0.0.1:1/", "ERR_UNSAFE_PORT"),
        ("http://127.0.0.1:9/", "ERR_UNSAFE_PORT"),
        ("http://127.0.0.1:59999/", "ERR_CONNECTION_REFUSED"),
        ("/nothing", "ERR_ABORTED"),
    ] {
        let lost = failed(bench.go(url).await, Code::NavigationFailed);
        assert_eq!(lost.data["net_error"], error, "{url}");
    }
    for url in ["", "file:///etc/passwd", "javascript:alert(1)", "ftp://x/"] {
        failed(bench.go(url).await, Code::InvalidArgument);
    }
    // Nothing listens there: had it been asked, the answer would be another.
    failed(bench.go("http://127.0.0.99:59999/").await, Code::BlockedByPolicy);
    let blocked = failed(bench.go("http://169.254.169.254/latest").await, Code::BlockedByPolicy);
    assert_eq!(blocked.data["host"], "169.254.169.254");
    assert_eq!(bench.go("/").await.unwrap().page.title, "home");
}

#[tokio::test]
async fn there_is_nothing_before_the_first_page() {
    let bench = Bench::open(&[("/", "<title>home</title>")]).await;
    // The blank tab that the browser started with is the one page before.
    bench.call(Call::GoBack).await.unwrap();
    failed(bench.call(Call::GoBack).await, Code::NotFound);
}
