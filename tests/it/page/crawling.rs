//! From page to page by links.

use handback::{
    agent::{
        discovery::{
            Discovered,
            crawl::{Met, crawl},
            report, smoke,
        },
        plan::{Plan, direct, variables::Variables},
    },
    redact::Redactor,
};
use url::Url;

use super::*;

const HOME: &str = "<title>Home</title><h1>Welcome</h1><h2 hidden>Secret</h2><h2>News &amp; more</h2>
    <a href=/a#x>A</a> <a href=/a?again=1>A again</a> <a href=/logout>Out</a> <a href=/api/x>API</a>
    <a href='{B}/elsewhere'>Elsewhere</a> <a href=/file>File</a> <a href=/file2 download>Load</a>
    <a href=/status/404>Broken</a> <a href=/moved>Moved</a> <a href='mailto:a@b.c'>Mail</a>
    <script>setTimeout(() => document.body.insertAdjacentHTML('beforeend', '<a href=/late>Late</a>'), 0)</script>";

// agent.md 10
#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_visits_each_page_of_the_origin_once_and_proposes_what_passes() {
    let bench = Bench::open(&[
        ("/", HOME),
        ("/a", "<title>A</title><h1>Page A</h1><a href=/>Home</a><a href=/b/>B</a>"),
        ("/b/", "<h1>Page \"B\"</h1><a href=/b>B again</a>"),
        ("/late", "<title>Late</title>"),
        ("/moved", "<title>Moved</title><script>location.replace('/a')</script>"),
    ])
    .await;
    let start = Url::parse(&bench.pages.origin).unwrap();
    let (mut pages, mut broken) = (Vec::new(), Vec::new());
    let redactor = Redactor::new(Vec::new());
    let cancel = CancellationToken::new();
    crawl(&bench.page, &start, &redactor, &cancel, |met| match met {
        Met::Page(visited) => pages.push(*visited),
        Met::Broken(why) => broken.push(why),
    })
    .await
    .unwrap();
    let paths: Vec<_> = pages.iter().map(|one| one.page.url.path()).collect();
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    sorted.retain(|path| *path != "/moved");
    assert_eq!(sorted, ["/", "/a", "/b/", "/late"], "{paths:?}");
    assert_eq!(paths[0], "/");
    let wanted = format!("{}/status/404 is answered with HTTP status 404", bench.pages.origin);
    assert_eq!(broken, [wanted]);
    assert_eq!(pages[0].headings, ["Welcome", "News & more"]);
    assert!(pages[0].page.tree.contains("link \"A\"") && pages[0].page.image.is_some());

    let proposed: Vec<_> = pages
        .iter()
        .filter_map(|one| {
            let case = smoke::case(&one.page.url, &one.page.title, &one.headings)?;
            let url = one.page.url.to_string();
            Some(Discovered { url, title: one.page.title.clone(), cases: vec![case] })
        })
        .collect();
    let text = report::markdown(&proposed);
    let plan = Plan::parse(&text, &[], &Variables::default()).unwrap();
    assert!(plan.scenarios.len() >= 4, "{text}");
    for scenario in &plan.scenarios {
        direct::compile(scenario).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    }
}
