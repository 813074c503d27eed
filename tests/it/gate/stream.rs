//! The operator's own client of the gate stream against a real gate of a pod: over TCP here, through a
//! port-forward in a cluster.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use handback::{
    clock::Clock,
    decide::{PodUid, Upload},
    gate::PodFacts,
    operator::{
        OperatorKey,
        gates::{
            StreamGates,
            stream::{Forward, Line, StreamClient},
        },
        outside::{GateAt, Gates, Later, Said, Unreachable, Word},
    },
    pod::contract::{
        FromGate, StoppedBy,
        stream::{Report, ToGateStream},
    },
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use super::{
    SECOND,
    house::{Hands, House},
};

const POD: &str = "8c1f0000-0000-4000-8000-000000000001";
/// As `openssl genpkey -algorithm ed25519` writes it.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIEzNCJsoncexFVLKN5pI9tGFbvH6nLg+zjFR6j5nm6b7\n\
    -----END PRIVATE KEY-----\n";

/// Straight to an address, with what somebody on the way would know about its end.
#[derive(Clone, Debug)]
struct Tcp(SocketAddr, Option<&'static str>);

impl Forward for Tcp {
    fn open<'a>(&'a self, _gate: &'a GateAt) -> Later<'a, Result<Line, Unreachable>> {
        Box::pin(async move {
            let wire = TcpStream::connect(self.0).await;
            let wire = wire.map_err(|error| Unreachable(error.to_string()))?;
            let known = self.1.map(str::to_owned);
            Ok(Line {
                wire: Box::new(wire),
                trouble: Box::pin(async { known }),
                held: Box::new(()),
            })
        })
    }
}

fn at(uid: &str) -> GateAt {
    let (namespace, pod) = ("shop".to_owned(), "tr-checkout-1".to_owned());
    GateAt { namespace, pod, uid: PodUid(uid.to_owned()) }
}

fn key(pem: &str) -> OperatorKey {
    OperatorKey::from_pem(pem.as_bytes()).unwrap()
}

fn client(address: SocketAddr) -> StreamClient {
    StreamClient::new(Arc::new(Tcp(address, None)), key(KEY))
}

fn gates(client: StreamClient) -> StreamGates {
    StreamGates::new(client, Arc::new(Hands::default()))
}

async fn pod() -> (House, StreamGates) {
    let house = House::with(true, |config| {
        config.keep_alive = None;
        config.pod = Some(PodFacts {
            uid: POD.to_owned(),
            operator_key: key(KEY).public(),
            active_deadline: Duration::from_mins(30),
            journal: None,
        });
    })
    .await;
    let gates = gates(client(house.address));
    (house, gates)
}

async fn say(gates: &StreamGates, word: Word) -> Said {
    gates.say(&at(POD), word).await.unwrap()
}

const ASK: Word = Word::Ask { patience: 0, ended: false };

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_patience_is_answered_at_once() {
    let (_house, gates) = pod().await;
    let begun = Instant::now();
    let said = say(&gates, ASK).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!((&said.answer.upload, said.agreed), (&Upload::Working, false));
    assert_eq!((said.answer.deadline, said.answer.left), (1800, None));
    assert_eq!(said.answer.at, Hands::default().now().into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_question_is_answered_as_soon_as_the_upload_is_settled() {
    let (house, gates) = pod().await;
    let asked = async {
        let begun = Instant::now();
        let patient = Word::Ask { patience: 300, ended: false };
        (say(&gates, patient).await, begun.elapsed())
    };
    let ((said, took), ()) = tokio::join!(asked, house.finished());
    let Upload::Complete(stored) = said.answer.upload else { panic!("{said:?}") };
    assert_eq!((stored.count, stored.manifest_sha256.len()), (2, 64));
    assert!(took < Duration::from_mins(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_that_is_over_is_answered_with_how_things_are_then() {
    let (house, _) = pod().await;
    house.finished().await;
    let begun = Instant::now();
    let looks = AtomicUsize::new(0);
    let never = |_: &Report| {
        // What changes after the first report, and is no reason for the gate to send another.
        if looks.fetch_add(1, Ordering::SeqCst) == 0 {
            house.clock.pass(100 * SECOND);
        }
        false
    };
    let patience = Duration::from_secs(2);
    let report = client(house.address).say(&at(POD), &[ToGateStream::Ask], never, patience).await;
    assert_eq!(report.unwrap().idle_ms, 100_000);
    assert!(begun.elapsed() >= patience, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_never_came_is_told_of_and_its_files_are_sealed() {
    let (_house, gates) = pod().await;
    let said = say(&gates, Word::Ask { patience: 300, ended: true }).await;
    assert!(matches!(said.answer.upload, Upload::Complete(_)), "{said:?}");
    assert_eq!(said.answer.left, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_done_before_it_is_answered() {
    let (house, gates) = pod().await;
    let mut agent = house.agent().await;
    assert_eq!(say(&gates, Word::Deadline(7200)).await.answer.deadline, 7200);
    let FromGate::Deadline { seconds: 7200 } = agent.hear().await else { panic!("not told") };
    assert_eq!(say(&gates, Word::Cancel).await.answer.cancelling, Some(0));
    let FromGate::StopRun { stopped_by, .. } = agent.hear().await else { panic!("not told") };
    assert_eq!(stopped_by, StoppedBy::Operator);
    agent.finish(&house.path("run")).await;
    // Who asks before the gate has seen the agent's last word asks again.
    say(&gates, Word::Ask { patience: 300, ended: true }).await;
    house.clock.pass(840 * SECOND);
    assert_eq!(say(&gates, ASK).await.answer.idle, 840);
    let warned = say(&gates, Word::WarnIdle(60)).await.answer;
    assert!(warned.told_idle.is_some() && warned.told_cap.is_none(), "{warned:?}");
    assert_eq!(say(&gates, Word::WarnCap(600)).await.answer.told_cap, Some(600));
    assert!(!say(&gates, Word::Retire(900)).await.agreed, "a minute too early");
    house.clock.pass(60 * SECOND);
    assert!(say(&gates, Word::Retire(900)).await.agreed);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_words_are_one_conversation_and_any_report_can_be_waited_for() {
    let (house, _) = pod().await;
    let client = client(house.address);
    let words = [ToGateStream::Deadline { seconds: 7200 }, ToGateStream::Cancel];
    let report = client.say(&at(POD), &words, |_| true, Duration::ZERO).await.unwrap();
    assert_eq!((report.answered, report.deadline_seconds), (2, 7200));
    assert!(report.cancelling_ms.is_some());
    let patience = Duration::from_mins(5);
    let report = client.say(&at(POD), &[], |report| report.browser, patience).await.unwrap();
    assert!(report.browser);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_not_ours_is_told_nothing() {
    let (house, gates) = pod().await;
    let another = gates.say(&at("another-pod"), Word::Cancel).await.unwrap_err();
    assert!(another.to_string().contains("does not accept this operator's key"), "{another}");
    let stranger = StreamClient::new(Arc::new(Tcp(house.address, None)), key(OTHER_KEY));
    let refused = self::gates(stranger).say(&at(POD), Word::Cancel).await.unwrap_err();
    assert_eq!(refused, another);
    assert_eq!(say(&gates, ASK).await.answer.cancelling, None);
}

/// Somebody who accepts one connection and does this with it.
async fn somebody<F: Future<Output = ()> + Send + 'static>(
    does: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move { does(listener.accept().await.unwrap().0).await });
    (address, task)
}

async fn refusal(address: SocketAddr) -> String {
    gates(client(address)).say(&at(POD), ASK).await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_gate_is_told_apart_and_waited_for_only_so_long() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let text = refusal(free).await;
    assert!(text.contains("refused"), "{text}");

    let (address, _task) = somebody(async |stream| {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let begun = Instant::now();
    let text = refusal(address).await;
    assert!(text.ends_with("the gate's port gave no answer within 5 s"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());

    for (says, expected) in [
        (Message::text("hello"), "does not speak the gate stream"),
        (Message::text(json!({"type": "report"}).to_string()), "instead of a challenge"),
        (Message::binary(vec![1]), "it sent bytes"),
        (Message::text("x".repeat(2 << 20)), "Space limit exceeded"),
    ] {
        let (address, _task) = somebody(async |stream| {
            let mut socket = accept_async(stream).await.unwrap();
            // It may hang up before all of it is out.
            drop(socket.send(says).await);
            socket.next().await;
        })
        .await;
        let text = refusal(address).await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_on_the_way_knows_is_told() {
    let (address, _task) = somebody(async |stream| drop(stream)).await;
    let words = "connection refused by port 7177 in the pod";
    let client = StreamClient::new(Arc::new(Tcp(address, Some(words))), key(KEY));
    let error = gates(client).say(&at(POD), ASK).await.unwrap_err();
    assert_eq!(error, Unreachable(words.to_owned()));
}
