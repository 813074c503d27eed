//! Frames of the same site, of others, nested; shadow roots.

use super::*;

const INNER: &str = "<body style='margin:0'><div style='height:700px'></div>
    <button onclick=\"parent.postMessage('clicked ' + location.host.split(':')[0], '*')\">Inside</button>
    <input aria-label=Card oninput=\"parent.postMessage('card ' + this.value, '*')\"><div style='height:700px'></div>";
const RELAY: &str = "<script>onmessage = (event) => { if (parent === window) document.title = event.data; else parent.postMessage(event.data, '*') }</script>";

async fn check(outer: &str) {
    let outer = format!("<title>t</title>{RELAY}{outer}");
    let middle = format!(
        "{RELAY}<div style='height:900px'></div><iframe title=inner src='{{A}}/inner' style='width:400px;height:200px;border:7px solid;padding:5px;transform:rotate(20deg)'></iframe><div style='height:600px'></div>"
    );
    let bench = Bench::open(&[("/", &outer), ("/inner", INNER), ("/middle", &middle)]).await;
    bench.sees("Inside").await;
    bench.click("Inside").await.unwrap();
    for _ in 0..100 {
        if bench.title().await.starts_with("clicked") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(bench.title().await.starts_with("clicked"), "{outer}\n{}", bench.tree().await);
    bench.fill("Card", "4242").await.unwrap();
    let finding = bench
        .ask(Predicate::Title {
            op: handback::page::predicate::Op::Equals,
            value: "card 4242".into(),
        })
        .await;
    assert!(finding.outcome, "{outer}: {}", finding.detail);
}

#[tokio::test]
async fn a_frame_of_the_same_site_is_clicked_and_typed_into() {
    check("<div style='height:1500px'></div><iframe src='/inner' style='border:9px solid;width:500px;height:300px'></iframe>").await;
}

// snapshot.md 8: coordinates of the frame
#[tokio::test]
async fn a_frame_of_another_site_is_clicked_and_typed_into() {
    check("<div style='height:1500px'></div><iframe src='{B}/inner' style='border:9px solid;width:500px;height:300px;transform:scale(.7)'></iframe>").await;
}

#[tokio::test]
async fn frames_three_deep_across_sites_are_clicked_and_typed_into() {
    check("<div style='height:800px'></div><iframe src='{B}/middle' style='border:3px solid;width:700px;height:500px;margin-left:90px'></iframe>").await;
}

#[tokio::test]
async fn frames_three_deep_of_one_site_are_clicked_and_typed_into() {
    check("<div style='height:800px'></div><iframe src='{A}/middle' style='border:3px solid;width:700px;height:500px;margin-left:90px'></iframe>").await;
}

#[tokio::test]
async fn a_button_of_a_frame_that_something_covers_in_the_page_is_covered() {
    let bench = Bench::open(&[
        (
            "/",
            "<iframe src='{B}/inner' style='width:500px;height:300px'></iframe>
             <div role=dialog aria-label=Wall style='position:fixed;inset:0;background:#fff'>wall</div>",
        ),
        ("/inner", "<title>t</title><button onclick=\"document.title='hit'\">Inside</button>"),
    ])
    .await;
    bench.sees("wall").await;
    let covered = failed(
        bench.call_within(click("Inside"), Duration::from_secs(3)).await,
        Code::NotActionable,
    );
    assert_eq!(covered.data["reason"], "covered");
    assert!(covered.data["by"].as_str().unwrap().contains("Wall"), "{covered}");
}

#[tokio::test]
async fn open_shadow_roots_are_clicked_and_typed_into() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><x-card><span slot=t>Slotted</span></x-card><script>
         customElements.define('x-card', class extends HTMLElement { connectedCallback() {
           this.attachShadow({ mode: 'open' }).innerHTML = '<div><button>Buy <slot name=t></slot></button><input aria-label=Note></div>';
           this.shadowRoot.querySelector('button').onclick = () => document.title = 'bought ' + this.shadowRoot.querySelector('input').value;
         } });</script>",
    )])
    .await;
    bench.fill("Note", "fast").await.unwrap();
    bench.click("Buy Slotted").await.unwrap();
    assert_eq!(bench.title().await, "bought fast");
}

#[tokio::test]
async fn what_a_shadow_root_shows_of_its_host_is_the_host_and_what_it_covers_is_covered() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><x-host role=button aria-label=Host onclick=\"document.title = 'host'\"></x-host>
         <x-wall></x-wall><script>
         const shade = (name, html) => customElements.define(name, class extends HTMLElement { connectedCallback() {
           this.attachShadow({ mode: 'open' }).innerHTML = html; } });
         shade('x-host', '<b style=\"display:block\">Press</b>');
         shade('x-wall', '<div style=\"position:relative\"><button onclick=\"document.title = 1\">Under</button>' +
           '<div role=dialog aria-label=Wall style=\"position:absolute;inset:0;background:#fff\"></div></div>');
         </script>",
    )])
    .await;
    bench.click("Host").await.unwrap();
    assert_eq!(bench.title().await, "host");
    let covered = failed(
        bench.call_within(click("Under"), Duration::from_secs(3)).await,
        Code::NotActionable,
    );
    assert_eq!(covered.data["reason"], "covered");
    assert!(covered.data["by"].as_str().unwrap().contains("Wall"), "{covered}");
    assert_eq!(bench.title().await, "host");
}

#[tokio::test]
async fn a_frame_keeps_its_number_when_it_navigates_and_gets_another_when_it_is_made_anew() {
    let bench = Bench::open(&[
        (
            "/",
            "<iframe src='/inner' id=f></iframe>
             <button onclick=\"f.src = '{B}/inner'\">Move</button>
             <button onclick=\"const g = f.cloneNode(); f.replaceWith(g)\">Anew</button>",
        ),
        ("/inner", "<button>Inside</button>"),
    ])
    .await;
    bench.sees("Inside").await;
    assert!(bench.tree().await.contains("[ref=f1e1]"), "{}", bench.tree().await);
    bench.click("Move").await.unwrap();
    bench.sees("Inside").await;
    assert!(bench.tree().await.contains("[ref=f1e2]"), "{}", bench.tree().await);
    bench.click("Anew").await.unwrap();
    bench.sees("Inside").await;
    assert!(bench.tree().await.contains("[ref=f2e1]"), "{}", bench.tree().await);
}

#[tokio::test]
async fn workers_of_a_page_and_theirs_run() {
    let bench = Bench::open(&[(
        "/",
        "<p id=one>none</p><p id=two>none</p><script>
         const script = (text) => URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
         const inner = `postMessage('worked')`;
         const outer = `new Worker('${script(inner)}').onmessage = (event) => postMessage(event.data)`;
         new Worker(script(outer)).onmessage = (event) => { one.textContent = 'a worker of a worker ' + event.data };
         new OfflineAudioContext(1, 128, 44100).audioWorklet.addModule(script('1')).then(() => { two.textContent = 'a worklet worked' });
         </script>",
    )])
    .await;
    bench.sees("a worker of a worker worked").await;
    bench.sees("a worklet worked").await;
}
