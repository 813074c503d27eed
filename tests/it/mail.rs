//! The mailbox of a run against a real IMAP server and against doubles of two services.

use std::{sync::Arc, time::Duration};

use handback::{
    mail::{
        MailError,
        extract::Found,
        inbox::{Arrived, Inbox, Wanted},
        settings::{Choice, Settings},
    },
    policy::Policy,
    secret::Secret,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    dovecot::{Dovecot, PASSWORD},
    mail_tm::MailTm,
    signup::SignUp,
};

/// For a mail that comes: a machine under load may be slow.
const SOON: Duration = Duration::from_secs(30);

fn settings(server: &Dovecot, pattern: &str, password: &str) -> Settings {
    let choice = Choice::parse(&server.url(pattern)).unwrap();
    let password = Some(Secret::new(password.to_owned()));
    Settings::new(choice, password, Some(server.ca.clone())).unwrap()
}

fn policy(deny: &[&str]) -> Arc<Policy> {
    let deny: Vec<String> = deny.iter().map(|&host| host.to_owned()).collect();
    Arc::new(Policy::new(&[], &deny).unwrap())
}

fn inbox(server: &Dovecot, pattern: &str) -> Inbox {
    Inbox::new(&settings(server, pattern, PASSWORD), policy(&[]))
}

async fn create(inbox: &mut Inbox) -> Result<String, MailError> {
    inbox.create(&CancellationToken::new()).await
}

async fn wait(inbox: &mut Inbox, timeout: Duration) -> Result<Arrived, MailError> {
    let wanted = Wanted { timeout, ..Wanted::default() };
    inbox.wait(&wanted, Some("shop.test"), &CancellationToken::new()).await
}

fn code(arrived: &Arrived) -> &str {
    arrived.found.code.as_ref().expect("a code").value.expose()
}

// agent.md 17.25
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_gives_each_code_once_and_only_to_its_address() {
    let server = Dovecot::start().await;
    server.deliver("qa@mail.test", "Before", "Your code is 111111.").await;
    for (pattern, begins, ends) in
        [("qa+{id}@mail.test", "qa+hb", "@mail.test"), ("{id}@catch.test", "hb", "@catch.test")]
    {
        let before = server.mails();
        let mut inbox = inbox(&server, pattern);
        let address = create(&mut inbox).await.unwrap();
        assert!(address.starts_with(begins) && address.ends_with(ends), "{address}");
        server.deliver("qa+other@mail.test", "For another", "Your code is 222222.").await;
        server.deliver(&address, "First", "Your code is 333333.").await;
        server.deliver(&address, "Second", "Your code is 444-444.").await;
        // The newest, and with it the first one is old.
        assert_eq!(code(&wait(&mut inbox, SOON).await.unwrap()), "444444");
        let cancel = CancellationToken::new();
        let all = inbox.newest(5, &cancel).await.unwrap();
        let subjects: Vec<&str> = all.iter().map(|letter| letter.subject.as_str()).collect();
        assert_eq!(subjects, ["Second", "First"], "looking consumes nothing, and hides nothing");
        let waited = wait(&mut inbox, Duration::from_millis(1500)).await.unwrap_err();
        assert!(matches!(waited, MailError::Timeout { .. }), "{waited}");
        // A server that tells of new mail is not asked again and again.
        let late = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.deliver(&address, "Third", "Verify: https://shop.test/verify/3").await;
        };
        let (third, ()) = tokio::join!(wait(&mut inbox, SOON), late);
        let third = third.unwrap();
        assert_eq!(third.letter.sender, "Shop <no-reply@shop.test>");
        let link = third.found.link.expect("a link");
        assert_eq!(link.url.expose(), "https://shop.test/verify/3");
        assert!(third.found.code.is_none());
        inbox.close().await;
        assert_eq!(server.mails(), before + 1, "what came for the address is deleted, and no more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_in_mid_wait_is_asked_until_it_is_back() {
    let mut server = Dovecot::start().await;
    let mut inbox = inbox(&server, "qa+{id}@mail.test");
    let address = create(&mut inbox).await.unwrap();
    let away = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.stop();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        server.start_again().await;
        server.deliver(&address, "Back", "Your code is 555555.").await;
    };
    let (arrived, ()) = tokio::join!(wait(&mut inbox, SOON), away);
    assert_eq!(code(&arrived.unwrap()), "555555");
    server.stop();
    // Its processes end a moment after it.
    let deadline = Instant::now() + SOON;
    loop {
        let gone = wait(&mut inbox, Duration::from_secs(1)).await.unwrap_err();
        if matches!(gone, MailError::Provider(_)) {
            break;
        }
        assert!(Instant::now() < deadline, "nobody answers, and it is not said: {gone}");
    }
    server.start_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_of_a_mailbox_is_told_when_an_address_is_made() {
    let server = Dovecot::start().await;
    let check = async |settings: Settings, deny: &[&str], part: &str| {
        let error = create(&mut Inbox::new(&settings, policy(deny))).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part) && !text.contains("wrong horse"), "{text}");
        error
    };
    let good = || settings(&server, "qa+{id}@mail.test", PASSWORD);
    check(settings(&server, "qa+{id}@mail.test", "wrong horse"), &[], "the login is refused").await;
    let unknown = check(Settings { ca: None, ..good() }, &[], "--mail-ca").await;
    assert!(matches!(unknown, MailError::Provider(_)));
    let denied = check(good(), &["127.0.0.1"], "--deny-host 127.0.0.1").await;
    assert!(matches!(denied, MailError::Blocked(_)));
    assert_eq!(check(Settings::default(), &[], "--mail").await, MailError::NoProvider);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_run_and_may_be_for_a_sender() {
    let server = Dovecot::start().await;
    let mut inbox = inbox(&server, "{id}@catch.test");
    let none = wait(&mut inbox, SOON).await.unwrap_err();
    assert_eq!(none, MailError::NoInbox);
    let address = create(&mut inbox).await.unwrap();
    server.deliver(&address, "Your code", "Your code is 777777.").await;
    let wanted = |from: &str, subject: &str, timeout| Wanted {
        from: Some(from.to_owned()),
        subject: Some(subject.to_owned()),
        timeout,
    };
    let cancel = CancellationToken::new();
    let other = wanted("bank", "", Duration::from_secs(1));
    let told = inbox.wait(&other, None, &cancel).await.unwrap_err().to_string();
    assert!(told.contains("1 came from others"), "{told}");
    let never = wanted("bank", "", SOON);
    let began = Instant::now();
    let end = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    };
    let (cancelled, ()) = tokio::join!(inbox.wait(&never, None, &cancel), end);
    assert_eq!(cancelled, Err(MailError::Cancelled));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let cancel = CancellationToken::new();
    let found = inbox.wait(&wanted("NO-REPLY@", "CODE", SOON), None, &cancel).await.unwrap();
    assert_eq!(code(&found), "777777");
}

// agent.md 17.25
#[tokio::test(flavor = "multi_thread")]
async fn a_mailpit_gives_each_code_once_although_it_fails_in_between() {
    let site = SignUp::start(Some("qa:correct horse")).await;
    let settings = site.settings("?domain=shop.test", Some(("qa", PASSWORD)));
    let mut inbox = Inbox::new(&settings, policy(&[]));
    let address = create(&mut inbox).await.unwrap();
    assert!(address.starts_with("hb") && address.ends_with("@shop.test"), "{address}");
    site.deliver(&format!("x{address}"), "Another's", "Your code is 111111.").await;
    site.deliver(&address, "Code", "Your code is 222222.").await;
    site.deliver(&address, "Welcome", "We are 5000 people since 2019.").await;
    site.fail(2).await;
    let first = wait(&mut inbox, SOON).await.unwrap();
    assert_eq!(code(&first), "222222", "the welcome after it is passed over");
    assert_eq!(first.letter.sender, "Shop <no-reply@shop.test>");
    let welcome = wait(&mut inbox, SOON).await.unwrap();
    assert_eq!(welcome.letter.subject, "Welcome", "and is still new");
    assert_eq!(welcome.found, Found::default());
    let none = wait(&mut inbox, Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(none, MailError::Timeout { waited_ms: 900..30_000, .. }), "{none:?}");
    site.fail(1000).await;
    let failing = wait(&mut inbox, Duration::from_secs(1)).await.unwrap_err();
    assert!(failing.to_string().contains("HTTP status 503"), "{failing}");
    site.fail(0).await;
    inbox.close().await;

    let stranger = site.settings("", None);
    let refused = create(&mut Inbox::new(&stranger, policy(&[]))).await.unwrap_err();
    assert!(refused.to_string().contains("HANDBACK_MAIL_PASSWORD"), "{refused}");
    let denied = create(&mut Inbox::new(&settings, policy(&["127.0.0.0/8"]))).await.unwrap_err();
    assert!(matches!(denied, MailError::Blocked(_)), "{denied}");
}

#[tokio::test]
async fn a_public_service_has_an_account_for_the_address_and_is_left_alone_until_then() {
    let service = MailTm::start().await;
    let choice = Choice::parse(&format!("mail_tm={}", service.url)).unwrap();
    let settings = Settings::new(choice, None, None).unwrap();
    let mut inbox = Inbox::new(&settings, policy(&[]));
    assert_eq!(wait(&mut inbox, SOON).await, Err(MailError::NoInbox));
    assert_eq!(service.known.lock().await.address, None, "nobody was asked");
    let address = create(&mut inbox).await.unwrap();
    assert!(address.ends_with("@public.test"), "{address}");
    // In the order of arrival, whatever the order of the list.
    service.deliver("new", "2026-03-01T10:00:05+00:00", "Your code is 333333.").await;
    service.deliver("old", "2026-03-01T10:00:01+00:00", "Your code is 111111.").await;
    service.known.lock().await.failing = 1;
    assert_eq!(code(&wait(&mut inbox, SOON).await.unwrap()), "333333");
    let looks = service.known.lock().await.looks;
    let none = wait(&mut inbox, Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(none, MailError::Timeout { .. }), "the older one is consumed: {none}");
    assert!(service.known.lock().await.looks <= looks + 2, "it is asked every 3 s");
    inbox.close().await;
    assert!(service.known.lock().await.deleted);
}
