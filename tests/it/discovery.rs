//! Further cases for the pages that a run meets, from a scripted model.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use handback::{
    agent::discovery::{Captured, DRAIN, Discovered, Discovery, News, Options},
    model::{Model, choice::Settings, image::Image, known::Table, retry::Patience},
    redact::{Redactor, Registered},
    secret::Secret,
};
use tokio::time::{Instant, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    pages::Pages,
    support::{
        model_server::{Answer, Asked, ModelServer, Say},
        run::Run,
    },
};

const CASES: &str = "#Case 1: Pay\nOpen /cart\nClick \"Pay\", verify \"Thank you\" is visible";

async fn model(server: &ModelServer) -> Arc<Model> {
    let settings = Settings {
        model: Some("claude-haiku-5-5".to_owned()),
        base_url: Some(server.base(true)),
        anthropic_key: Some(Secret::new("our-key-0123456789".to_owned())),
        ..Settings::default()
    };
    let table = Table::new(None).unwrap();
    let redactor = Arc::new(Redactor::new(Vec::new()));
    let patience = Patience { first: Duration::from_millis(2), ..Patience::default() };
    let choice = settings.choose().unwrap().unwrap();
    Arc::new(Model::new(choice, &table, patience, redactor).await.unwrap())
}

async fn options(server: &ModelServer) -> Options {
    let secret = Registered {
        value: Secret::new("hunter2!".to_owned()),
        placeholder: Some("{{PW}}".to_owned()),
    };
    Options {
        run_url: Url::parse("http://shop.example/").unwrap(),
        model: model(server).await,
        redactor: Arc::new(Redactor::new(vec![secret])),
        max_tokens: None,
        drain: DRAIN,
        cancel: CancellationToken::new(),
    }
}

fn page(path: &str) -> Captured {
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(8, 4).write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    Captured {
        url: Url::parse("http://shop.example/").unwrap().join(path).unwrap(),
        title: format!("Title of {path}"),
        tree: "- button \"Pay\" [ref=e1]\n- text: hunter2!".to_owned(),
        image: Some(Image::new(Bytes::from(file.into_inner())).unwrap()),
        screenshot: Some("screenshots/001_s1_click.jpg".to_owned()),
    }
}

fn cases(news: &[News]) -> Vec<&Discovered> {
    news.iter()
        .filter_map(|one| if let News::Cases(found) = one { Some(found) } else { None })
        .collect()
}

fn warnings(news: &[News]) -> Vec<&str> {
    news.iter()
        .filter_map(|one| if let News::Warning(told) = one { Some(told.as_str()) } else { None })
        .collect()
}

/// Which page a request is about.
fn about(asked: &Asked) -> String {
    let text = asked.body.to_string();
    let (_, rest) = text.split_once("The page's path is ").expect("a path");
    rest.split_once(". It shows").expect("its end").0.to_owned()
}

/// What is heard until something fits.
async fn hear_until(discovery: &mut Discovery, fits: impl Fn(&News) -> bool) -> Vec<News> {
    let heard = async {
        let mut all = Vec::new();
        loop {
            let news = discovery.heard();
            let end = news.iter().any(&fits);
            all.extend(news);
            if end {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), heard).await.expect("the news")
}

// agent.md 17.27
#[tokio::test]
async fn each_page_is_asked_about_once_with_what_was_captured() {
    let server = ModelServer::start(|_| Answer::Say(Say::text(CASES).used(100, 20, 0, 0))).await;
    let tasks = TaskTracker::new();
    let mut discovery = Discovery::start(options(&server).await, &tasks);
    for path in
        ["/", "/?again", "/cart", "/cart/", "/logout", "/api/x", "https://else.example/", "/b"]
    {
        discovery.saw(page(path));
    }
    let news = discovery.close().await;
    let mut pages: Vec<_> = server.asked().await.iter().map(about).collect();
    pages.sort();
    assert_eq!(pages, ["/", "/b", "/cart"]);
    for asked in server.asked().await {
        let body = asked.body.to_string();
        assert_eq!(body.matches("image/jpeg").count(), 1);
        assert!(body.contains("Pay") && !body.contains("hunter2"), "{body}");
    }
    let first = News::Page {
        url: "http://shop.example/".to_owned(),
        title: "Title of /".to_owned(),
        screenshot: Some("screenshots/001_s1_click.jpg".to_owned()),
    };
    assert_eq!(news[0], first);
    let found = cases(&news);
    assert_eq!((found.len(), warnings(&news)), (3, Vec::<&str>::new()));
    assert_eq!(found[0].cases[0].name, "Pay");
    let lines: String = news
        .iter()
        .filter_map(|one| {
            let News::Chunk { url, delta } = one else { return None };
            url.ends_with("/cart").then_some(delta.as_str())
        })
        .collect();
    assert_eq!(lines, CASES);
    let spent = news.iter().filter(|one| matches!(one, News::Spent(usage) if usage.output == 20));
    assert_eq!(spent.count(), 3);
    tasks.close();
    timeout(Duration::from_secs(10), tasks.wait()).await.expect("nothing goes on");
}

// agent.md 17.27
#[tokio::test]
async fn three_are_asked_at_a_time_and_the_end_waits_no_longer_than_it_may() {
    let server = ModelServer::start(|_| Answer::Silence).await;
    let tasks = TaskTracker::new();
    let options = Options { drain: Duration::from_millis(300), ..options(&server).await };
    let mut discovery = Discovery::start(options, &tasks);
    for n in 0..22 {
        discovery.saw(page(&format!("/p/{n}")));
    }
    server.came(3).await;
    let began = Instant::now();
    let news = discovery.close().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(server.asked().await.len(), 3);
    assert_eq!(
        warnings(&news),
        [
            "20 pages were not looked at for further cases before the run ended.",
            "Of the pages that the run met, 20 were looked at for further cases; 2 more were not.",
        ]
    );
}

#[tokio::test]
async fn a_reply_that_is_no_plan_is_a_warning() {
    let mut replies = ["No controls here.", "#Case 1: A\nType {{X}} into \"B\""].into_iter();
    let server = ModelServer::start(move |_| match replies.next() {
        Some(text) => Answer::Say(Say::text(text)),
        None => Answer::Say(Say::text("").stop("refusal")),
    })
    .await;
    let mut discovery = Discovery::start(options(&server).await, &TaskTracker::new());
    for path in ["/a?token=abc", "/b", "/c"] {
        discovery.saw(page(path));
    }
    let news = discovery.close().await;
    let told = warnings(&news).join("\n");
    assert!(cases(&news).is_empty());
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(
        told.contains("there is no `#Case` in it") && told.contains("the model refuses"),
        "{told}"
    );
    assert!(!told.contains("abc"), "{told}");
}

#[tokio::test]
async fn a_provider_that_is_busy_is_left_alone_by_all_and_asked_again() {
    let mut number = 0;
    let server = ModelServer::start(move |_| {
        number += 1;
        if number == 1 {
            Answer::error(429, "rate_limit_error", "slow down").with("retry-after", "1")
        } else {
            Answer::Say(Say::text(CASES))
        }
    })
    .await;
    let mut discovery = Discovery::start(options(&server).await, &TaskTracker::new());
    discovery.saw(page("/a"));
    let news = hear_until(&mut discovery, |one| matches!(one, News::Again { .. })).await;
    let wait = Duration::from_secs(1);
    assert!(news.contains(&News::Again { attempt: 2, status: Some(429), wait }), "{news:?}");
    discovery.saw(page("/b"));
    let began = Instant::now();
    let news = discovery.close().await;
    assert!(began.elapsed() > Duration::from_millis(800), "{:?}", began.elapsed());
    let asked: Vec<_> = server.asked().await.iter().map(about).collect();
    assert_eq!(asked[0], "/a");
    assert_eq!((asked.len(), cases(&news).len()), (3, 2));
}

#[tokio::test]
async fn while_the_main_loop_waits_nothing_is_asked() {
    let server = ModelServer::start(|_| Answer::Say(Say::text(CASES))).await;
    let mut discovery = Discovery::start(options(&server).await, &TaskTracker::new());
    discovery.main_waits(true);
    discovery.saw(page("/a"));
    hear_until(&mut discovery, |one| matches!(one, News::Page { .. })).await;
    assert!(server.asked().await.is_empty());
    discovery.main_waits(false);
    hear_until(&mut discovery, |one| matches!(one, News::Cases(_))).await;
    // An attempt that failed waits for it as well.
    let server = ModelServer::start(|_| Answer::error(500, "api_error", "sorry")).await;
    let options = Options { drain: Duration::from_millis(200), ..options(&server).await };
    let mut discovery = Discovery::start(options, &TaskTracker::new());
    discovery.saw(page("/a"));
    server.came(1).await;
    discovery.main_waits(true);
    let news = discovery.close().await;
    assert_eq!(server.asked().await.len(), 1, "{news:?}");
}

#[tokio::test]
async fn a_tenth_of_the_tokens_is_all_that_is_used() {
    let server = ModelServer::start(|_| Answer::Say(Say::text(CASES).used(300, 100, 0, 0))).await;
    // Of 20 000 a tenth; each request uses 400, and might have used some 1300.
    let options = Options { max_tokens: Some(20_000), ..options(&server).await };
    let mut discovery = Discovery::start(options, &TaskTracker::new());
    for path in ["/a", "/b", "/c", "/d"] {
        discovery.saw(page(path));
    }
    let news = discovery.close().await;
    assert_eq!((cases(&news).len(), server.asked().await.len()), (2, 2));
    let told =
        "2 pages were not looked at for further cases: that may use a tenth of the token budget.";
    assert_eq!(warnings(&news), [told]);
}

#[tokio::test]
async fn a_cancelled_run_ends_it_at_once() {
    let server = ModelServer::start(|_| Answer::Silence).await;
    let (options, tasks) = (options(&server).await, TaskTracker::new());
    let cancel = options.cancel.clone();
    let mut discovery = Discovery::start(options, &tasks);
    discovery.saw(page("/a"));
    server.came(1).await;
    cancel.cancel();
    tasks.close();
    timeout(Duration::from_secs(5), tasks.wait()).await.expect("nothing goes on");
    let news = discovery.close().await;
    assert!(cases(&news).is_empty());
}

/// Three pages that lead to each other, and ways that are not taken.
async fn small_site() -> Pages {
    let page = |title: &str| {
        format!(
            "<title>{title}</title><h1>{title}</h1><a href=/>Home</a> <a href=/shoes>Shoes</a> \
             <a href=/about>About us</a> <a href=/logout>Sign out</a>"
        )
    };
    let (home, shoes, about) = (page("Home"), page("Shoes"), page("About us"));
    let lost = "<title>Signed out</title>".to_owned();
    Pages::start(&[("/", &home), ("/shoes", &shoes), ("/about", &about), ("/logout", &lost)]).await
}

// agent.md 10
#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_discovered_without_a_model_and_what_is_proposed_passes() {
    let site = small_site().await;
    let url = format!("{}/", site.origin);
    let ended = Run::of(&["discover", "--url", &url]).finish().await;
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    let plan = ended.stdout;
    assert!(plan.matches("#Case ").count() >= 3 && plan.contains("Open \"/\""), "{plan}");
    assert!(!ended.stderr.contains("error"), "{}", ended.stderr);
    let run = Run::new(&url, &plan).with(&["--driver", "direct", "--no-video"]);
    let ended = run.finish().await;
    assert_eq!(ended.exit, Some(0), "{}\n{plan}", ended.stdout);
}

// agent.md 10
#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_discovered_with_a_model() {
    let site = small_site().await;
    let url = format!("{}/", site.origin);
    let server = ModelServer::start(|_| Answer::Say(Say::text(CASES))).await;
    let run = Run::of(&["discover", "--url", &url, "--model", "claude-haiku-5-5"]);
    let ended = run.env("HANDBACK_BASE_URL", &server.base(true)).finish().await;
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    let pages = server.asked().await.len();
    assert_eq!(pages, 3);
    assert_eq!(ended.stdout.matches("Click \"Pay\"").count(), pages, "{}", ended.stdout);
    for asked in server.asked().await {
        assert!(asked.body.to_string().contains("image/jpeg"), "{}", about(&asked));
    }
}
