//! Going from tab to tab.

use handback::page::tool::TabChoice;

use super::*;

fn to(choice: &str) -> Call {
    Call::SwitchTab { to: Some(TabChoice::parse(choice)), close: false }
}

#[tokio::test]
async fn tabs_are_listed_switched_to_and_closed() {
    let bench = Bench::open(&[
        ("/", "<title>first</title><a href='/a' target=_blank>A</a><a href='/b' target=_blank rel=noopener>B</a>"),
        ("/a", "<title>page a</title><button onclick=\"document.title = document.hasFocus()\">Here</button>"),
        ("/b", "<title>page b</title>"),
    ])
    .await;
    let list = Call::SwitchTab { to: None, close: false };
    assert_eq!(bench.call(list.clone()).await.unwrap().sentence, "1 tab");
    let close = Call::SwitchTab { to: None, close: true };
    failed(bench.call(close.clone()).await, Code::InvalidArgument);
    bench.click("A").await.unwrap();
    bench.call(to("first")).await.unwrap();
    let done = bench.click("B").await.unwrap();
    assert_eq!(done.page.title, "page b");

    let tabs = bench.call(list).await.unwrap().data["tabs"].clone();
    let shown: Vec<_> = tabs
        .as_array()
        .unwrap()
        .iter()
        .map(|tab| format!("{} {} {}", tab["id"], tab["title"], tab["current"]))
        .collect();
    assert_eq!(shown, [r#""t1" "first" false"#, r#""t2" "page a" false"#, r#""t3" "page b" true"#]);
    for (choice, title) in [
        ("previous", "first"),
        ("t2", "page a"),
        ("PAGE B", "page b"),
        ("/a", "page a"),
        ("last", "page b"),
        ("previous", "page a"),
    ] {
        let done = bench.call(to(choice)).await.unwrap();
        assert_eq!(done.page.title, title, "{choice}");
    }
    bench.click("Here").await.unwrap();
    assert_eq!(bench.title().await, "true", "the current tab has the focus");
    failed(bench.call_within(to("elsewhere"), Duration::from_secs(1)).await, Code::NotFound);
    failed(bench.call_within(to("127.0"), Duration::from_secs(1)).await, Code::Ambiguous);
    // Its opener is current again; of the other one too.
    let done = bench.call(close.clone()).await.unwrap();
    assert_eq!(done.page.title, "first", "{done:?}");
    bench.call(to("new")).await.unwrap();
    let done = bench.call(close).await.unwrap();
    assert_eq!(done.page.title, "first", "{done:?}");
}
