//! Against small servers on loopback.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::*;

/// A server that answers each connection with what `answer` makes of its first bytes; `None`
/// holds the connection open for ever.
async fn server(answer: fn(&str) -> Option<&'static str>) -> (Url, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let count = stream.read(&mut bytes).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
            match answer(&request) {
                Some(text) => drop(stream.write_all(text.as_bytes()).await),
                None => kept.push(stream),
            }
        }
    });
    (url, tasks)
}

fn manner(policy: &Policy) -> Manner<'_> {
    Manner { policy, insecure_tls: false, namespace: None }
}

async fn ask(url: &Url) -> Result<Reached, Unreached> {
    let policy = Policy::new(&[], &[]).unwrap();
    once(url, manner(&policy)).await
}

// agent.md 17.24
#[tokio::test]
async fn any_answer_to_head_is_reachable() {
    for (answer, status) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 200),
        (
            "HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            301,
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            302,
        ),
        ("HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 404),
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 500),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let (reached, ()) = tokio::join!(ask(&url), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let reached = reached.unwrap();
        assert_eq!((reached.method, reached.status), ("HEAD", status));
        assert!(reached.address.ip().is_loopback());
    }
}

// agent.md 17.24
#[tokio::test]
async fn a_server_that_knows_no_head_is_asked_with_get() {
    let (url, _server) = server(|request| {
        Some(if request.starts_with("HEAD") {
            "HTTP/1.1 405 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        } else {
            "HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        })
    })
    .await;
    let reached = ask(&url).await.unwrap();
    assert_eq!((reached.method, reached.status), ("GET", 503));

    let (url, _server) = server(|request| {
        Some(if request.starts_with("HEAD") { "" } else { "HTTP/1.1 200 OK\r\n\r\n" })
    })
    .await;
    assert_eq!(ask(&url).await.unwrap().method, "GET");
}

// agent.md 17.24
#[tokio::test]
async fn a_server_that_never_answers_fails_at_eight_seconds() {
    let (url, _server) = server(|_| None).await;
    let started = Instant::now();
    let error = ask(&url).await.unwrap_err();
    let took = started.elapsed();
    assert!(took >= LIMIT && took < LIMIT + Duration::from_secs(4), "{took:?}");
    assert!(error.to_string().contains("did not answer within 8 s"), "{error}");
}

// agent.md 17.24
#[tokio::test]
async fn a_refused_connection_says_so() {
    let url = {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Url::parse(&format!("http://{}/", free.local_addr().unwrap())).unwrap()
    };
    let error = ask(&url).await.unwrap_err();
    assert!(error.to_string().contains("refused the connection"), "{error}");
    assert!(matches!(error, Unreached::Failed { address: Some(_), .. }));
}

#[tokio::test]
async fn waiting_for_the_target_lasts_until_it_is_up() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let policy = Policy::new(&[], &[]).unwrap();
    let cancel = CancellationToken::new();
    let wait = Some(Duration::from_secs(30));
    let (reached, ()) = tokio::join!(reach(&url, manner(&policy), wait, &cancel), async {
        sleep(Duration::from_millis(300)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    });
    assert_eq!(reached.unwrap().status, 200);
}

#[tokio::test]
async fn a_forbidden_address_is_not_asked() {
    let policy = Policy::new(&[], &["127.0.0.0/8".to_owned()]).unwrap();
    let (url, _server) = server(|_| panic!("asked")).await;
    let asked = once(&url, manner(&policy)).await;
    assert!(matches!(asked, Err(Unreached::Blocked(_))), "{asked:?}");
    let url = Url::parse(&format!("http://localhost:{}/", url.port().unwrap())).unwrap();
    let asked = once(&url, manner(&policy)).await;
    assert!(matches!(asked, Err(Unreached::Blocked(_))), "by its address: {asked:?}");
}

#[tokio::test]
async fn tls_against_a_plain_server_fails_with_its_cause() {
    let (url, _server) = server(|_| Some("HTTP/1.1 400 No\r\n\r\n")).await;
    let url = Url::parse(&url.as_str().replace("http:", "https:")).unwrap();
    let error = ask(&url).await.unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}
