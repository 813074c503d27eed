//! Refs: what was printed is what is acted on, or nothing is.

use super::*;

/// The ref in `button "Save" [ref=e1]`.
fn reference(line: &str) -> String {
    let (_, rest) = line.rsplit_once("[ref=").expect("a ref");
    rest.trim_end_matches(']').to_owned()
}

pub(super) fn by_ref(reference: &str) -> Call {
    Call::Click {
        on: Subject::of(reference),
        button: Button::Left,
        count: 1,
        modifiers: Vec::new(),
    }
}

const PAGE: &str = "<title>none</title><div id=a><button id=s>Save</button></div><div id=b></div>
    <button onclick='shuffle()'>Shuffle</button><button onclick='rename()'>Rename</button>
    <button onclick='s.replaceWith(s.cloneNode(true))'>Replace</button>
    <script>
    let presses = 0;
    addEventListener('click', (event) => {
      const said = event.target.textContent;
      if (['Save', 'Delete all'].includes(said)) document.title = said + ' ' + ++presses;
    });
    function shuffle() {
      const button = document.getElementById('s');
      for (let i = 0; i < 100; i++) {
        button.textContent = 'No. ' + i;
        button.hidden = i % 2 === 0;
        document.getElementById(i % 3 ? 'b' : 'a').append(button);
        document.getElementById('b').prepend(document.createElement('p'));
      }
      button.hidden = false;
      button.textContent = 'Save';
    }
    function rename() {
      document.getElementById('s').textContent = 'Delete all';
      document.getElementById('b').innerHTML = '<button>Save</button>';
    }
    </script>";

#[tokio::test]
async fn a_ref_reaches_the_element_that_was_printed_however_it_moved_and_never_another() {
    let bench = Bench::open(&[("/", PAGE), ("/other", "<button>Save</button>")]).await;
    let first = reference(&bench.click("Save").await.unwrap().target.unwrap());
    bench.click("Shuffle").await.unwrap();
    let again = bench.call(by_ref(&first)).await.unwrap();
    assert_eq!(reference(&again.target.unwrap()), first, "re-rendered a hundred times");
    assert_eq!(bench.title().await, "Save 2");

    // Relabelled: nothing is pressed, and both who is called so and what is there are told.
    bench.click("Rename").await.unwrap();
    let stale = failed(bench.call(by_ref(&first)).await, Code::StaleRef);
    assert_eq!(bench.title().await, "Save 2", "nothing was pressed: {}", stale.message);
    let other = reference(stale.data["candidates"][0].as_str().unwrap());
    assert_eq!(stale.data["now"], format!("button \"Delete all\" [ref={first}]"));
    bench.call(by_ref(&other)).await.unwrap();
    assert_eq!(bench.title().await, "Save 3");
    bench.call(by_ref(&first)).await.unwrap();
    assert_eq!(bench.title().await, "Delete all 4", "the line in the message counts as printed");

    // Replaced by an equal one, never printed, of another document.
    bench.click("Replace").await.unwrap();
    let gone = failed(bench.call(by_ref(&first)).await, Code::StaleRef);
    let equal = reference(gone.data["candidates"][0].as_str().unwrap());
    assert!(equal != first && gone.data["now"].is_null(), "{}", gone.message);
    bench.call(by_ref(&equal)).await.unwrap();
    assert_eq!(bench.title().await, "Delete all 5");
    failed(bench.call(by_ref("e99")).await, Code::StaleRef);
    failed(bench.call(by_ref("f1e1")).await, Code::StaleRef);
    bench.go("/other").await.unwrap();
    let left = failed(bench.call(by_ref(&other)).await, Code::StaleRef);
    assert!(left.message.contains("so called now: button \"Save\""), "{}", left.message);
    let here = reference(left.data["candidates"][0].as_str().unwrap());
    assert!(![first, other, equal].contains(&here), "numbers are never given twice");
}

#[tokio::test]
async fn a_browser_that_replaces_another_goes_on_counting_and_knows_what_was_printed() {
    let bench = Bench::open(&[("/", PAGE)]).await;
    let first = reference(&bench.click("Save").await.unwrap().target.unwrap());
    let Bench { page, pages, marks: _, chromium } = bench;
    chromium.kill();
    page.gone().await;
    let reader = page.leave().await;

    let (chromium, wire) = Lent::borrow().await;
    let (send, marks) = mpsc::unbounded_channel();
    let options = PageOptions {
        run_url: pages.origin.parse().unwrap(),
        policy: Arc::new(Policy::new(&[], &[]).unwrap()),
        dialogs: DialogPolicy::Auto,
        hold: Duration::from_secs(2),
        files: Files::default(),
        marks: send,
        clock: Arc::new(SystemClock),
    };
    let page = Page::attach_for(wire, options, reader).await.unwrap();
    let bench = Bench { page, pages, marks, chromium };
    bench.go("/").await.unwrap();
    let stale = failed(bench.call(by_ref(&first)).await, Code::StaleRef);
    assert!(
        stale.message.contains("button \"Save\", is no longer on the page"),
        "{}",
        stale.message
    );
    let new = reference(stale.data["candidates"][0].as_str().unwrap());
    assert_ne!(new, first);
    bench.call(by_ref(&new)).await.unwrap();
    assert_eq!(bench.title().await, "Save 1");
}
