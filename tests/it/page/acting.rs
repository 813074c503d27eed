//! Clicks: what they reach, and what they must not.

use handback::page::tool::ScrollBy;

use super::*;

const SOON: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn a_click_reaches_its_button_and_the_result_has_what_came_of_it() {
    let mut bench = Bench::open(&[(
        "/",
        "<title>t</title><button onclick=\"this.nextSibling.textContent='bought'\">Buy now</button><p></p>",
    )])
    .await;
    let done = bench.click("Buy now").await.unwrap();
    assert_eq!(done.sentence, "clicked button \"Buy now\"");
    assert_eq!(done.notes, Vec::<String>::new());
    assert!(done.target.unwrap().starts_with("button \"Buy now\" [ref=e"));
    assert!(bench.tree().await.contains("bought"));
    let mut marks = Vec::new();
    while let Ok(mark) = bench.marks.try_recv() {
        marks.push(mark);
    }
    assert!(marks.iter().any(|mark| matches!(mark, Mark::Press { .. })), "{marks:?}");
    let picture = bench.page.screenshot().await.unwrap();
    assert_eq!(&picture[..3], b"\xff\xd8\xff", "a JPEG");
    assert!(bench.chromium.pid() > 0);
}

#[tokio::test]
async fn what_cannot_be_clicked_says_which_condition_failed() {
    let bench = Bench::open(&[(
        "/",
        "<button disabled>Off</button>
         <fieldset disabled><button>Fenced</button></fieldset>
         <div aria-disabled=true><button>Said</button></div>
         <button style='position:absolute;top:200px' id=under>Under</button>
         <div aria-label=Cookies role=dialog style='position:fixed;top:150px;left:0;width:600px;height:200px;background:#fff'>We use cookies</div>
         <button style='position:absolute;top:400px;animation:slide 0.2s infinite alternate'>Slider</button>
         <style>@keyframes slide { to { transform: translateX(100px) } }</style>",
    )])
    .await;
    for (name, wanted) in [
        ("Off", "disabled"),
        ("Fenced", "disabled"),
        ("Said", "disabled"),
        ("Slider", "not_stable"),
    ] {
        assert_eq!(reason(bench.call_within(click(name), SOON).await), wanted, "{name}");
    }
    let covered = failed(bench.call_within(click("Under"), SOON).await, Code::NotActionable);
    assert_eq!(covered.data["reason"], "covered");
    assert!(
        covered.data["by"].as_str().unwrap().contains("dialog \"Cookies\" [ref=e"),
        "{covered}"
    );
}

#[tokio::test]
async fn a_click_waits_until_its_button_can_be_used() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><button disabled onclick=\"document.title='pressed'\">Go</button>
         <script>setTimeout(() => document.querySelector('button').disabled = false, 900)</script>",
    )])
    .await;
    bench.click("Go").await.unwrap();
    assert_eq!(bench.title().await, "pressed");
}

#[tokio::test]
async fn nothing_is_pressed_when_something_slides_over_the_button_at_that_moment() {
    let bench = Bench::open(&[(
        "/",
        "<title>0</title><style>#veil { position:fixed; inset:0; display:none; background:#fff8 }</style>
         <button>Pay</button><div id=veil>wait</div>
         <script>
         const log = [];
         for (const type of ['pointerdown','mousedown','mouseup','click'])
           addEventListener(type, (event) => { log.push(type + ':' + event.target.id); document.title = log.join(' ') }, true);
         let first = true;
         // The veil comes between the check and the press: with the pointer's arrival.
         document.querySelector('button').addEventListener('pointerover', () => {
           if (!first) return;
           first = false;
           veil.style.display = 'block';
           setTimeout(() => veil.style.display = 'none', 700);
         });
         document.querySelector('button').onclick = (event) => { log.push('paid'); document.title = log.join(' ') };
         </script>",
    )])
    .await;
    bench.click("Pay").await.unwrap();
    let title = bench.title().await;
    assert!(title.ends_with("paid"), "{title}");
    assert!(!title.contains("veil"), "the page saw a press on the veil: {title}");
    assert_eq!(title.matches("pointerdown").count(), 1, "{title}");
}

#[tokio::test]
async fn labels_and_styled_checkboxes_are_checked_and_read_back() {
    let bench = Bench::open(&[(
        "/",
        "<label><input type=checkbox style='opacity:0;position:absolute'><span style='padding:9px'>Terms</span></label>
         <label for=n>News</label><input type=checkbox id=n>
         <div role=switch aria-checked=false tabindex=0 onclick=\"this.ariaChecked = this.ariaChecked == 'true' ? 'false' : 'true'\">Dark</div>
         <input type=checkbox aria-label=Stubborn onclick='event.preventDefault()'>",
    )])
    .await;
    let set = |name: &str, checked| Call::SetChecked {
        on: named(None, name, Among::Checkables),
        checked,
    };
    for name in ["Terms", "News", "Dark"] {
        bench.call(set(name, true)).await.unwrap();
        let again = bench.call(set(name, true)).await.unwrap();
        assert!(again.notes[0].contains("already"), "{name}: {:?}", again.notes);
    }
    assert_eq!(bench.tree().await.matches("[checked]").count(), 3, "{}", bench.tree().await);
    bench.call(set("News", false)).await.unwrap();
    assert_eq!(bench.tree().await.matches("[checked]").count(), 2);
    assert_eq!(reason(bench.call_within(set("Stubborn", true), SOON).await), "state_unchanged");
}

#[tokio::test]
async fn what_is_far_away_is_scrolled_to_and_a_sticky_bar_does_not_get_the_click() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><div style='position:fixed;bottom:0;left:0;right:0;height:120px;background:#ccc' onclick=\"document.title='bar'\">bar</div>
         <div style='height:3000px'></div><button onclick=\"document.title='far'\">Far</button><div style='height:900px'></div>
         <div style='overflow:auto;height:100px;width:200px'><div style='height:800px'></div><button onclick=\"document.title='deep'\">Deep</button></div>
         <div style='transform:rotate(30deg) scale(.8);margin:90px'><button onclick=\"document.title='turned'\">Turned</button></div><div style='height:900px'></div>",
    )])
    .await;
    for (name, title) in [("Far", "far"), ("Deep", "deep"), ("Turned", "turned")] {
        bench.click(name).await.unwrap();
        assert_eq!(bench.title().await, title);
    }
}

#[tokio::test]
async fn double_and_right_clicks_are_what_the_page_sees() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><button ondblclick=\"document.title='double'\" oncontextmenu=\"document.title='menu';return false\">It</button>",
    )])
    .await;
    bench
        .call(Call::Click { on: on("It"), button: Button::Left, count: 2, modifiers: Vec::new() })
        .await
        .unwrap();
    assert_eq!(bench.title().await, "double");
    bench
        .call(Call::Click { on: on("It"), button: Button::Right, count: 1, modifiers: Vec::new() })
        .await
        .unwrap();
    assert_eq!(bench.title().await, "menu");
}

// agent.md 17.8
#[tokio::test]
async fn several_matches_are_told_and_nothing_is_picked_by_chance() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><button onclick=\"document.title='a'\">Add</button><button onclick=\"document.title='b'\">Add</button>",
    )])
    .await;
    let several = failed(bench.click("Add").await, Code::Ambiguous);
    assert_eq!(several.data["candidates"].as_array().unwrap().len(), 2);
    let none = failed(bench.call_within(click("Ade"), SOON).await, Code::NotFound);
    assert_eq!(none.data["closest"][0], "Add", "{none}");
    assert_eq!(bench.title().await, "t");
}

#[tokio::test]
async fn a_ref_lives_as_long_as_its_element() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><button onclick=\"document.title += '!'\">One</button><button onclick=\"document.querySelector('button').remove()\">Remove</button>",
    )])
    .await;
    let done = bench.click("One").await.unwrap();
    let target = done.target.unwrap();
    let reference = target.split("[ref=").nth(1).unwrap().trim_end_matches(']').to_owned();
    let by_ref = |reference: &str| Call::Click {
        on: Subject::of(reference),
        button: Button::Left,
        count: 1,
        modifiers: Vec::new(),
    };
    bench.call(by_ref(&reference)).await.unwrap();
    assert_eq!(bench.title().await, "t!!");
    bench.click("Remove").await.unwrap();
    failed(bench.call(by_ref(&reference)).await, Code::StaleRef);
    bench.go("/").await.unwrap();
    failed(bench.call(by_ref(&reference)).await, Code::StaleRef);
    failed(bench.call(by_ref("x9")).await, Code::InvalidArgument);
}

#[tokio::test]
async fn keys_reach_the_focused_element_and_shortcuts_edit() {
    let mut bench = Bench::open(&[(
        "/",
        "<title>t</title><form onsubmit=\"document.title='sent ' + q.value;return false\"><input id=q aria-label=Query autofocus></form>",
    )])
    .await;
    bench.fill("Query", "hello").await.unwrap();
    bench.call(press("Control+A")).await.unwrap();
    bench.call(press("X")).await.unwrap();
    bench.call(press("?")).await.unwrap();
    bench.call(press("ArrowLeft")).await.unwrap();
    bench.call(Call::PressKey { key: "y".to_owned(), repeat: 3, on: None }).await.unwrap();
    bench.call(press("Enter")).await.unwrap();
    assert_eq!(bench.title().await, "sent Xyyy?");
    let mut labels = Vec::new();
    while let Ok(mark) = bench.marks.try_recv() {
        if let Mark::Key { label } = mark {
            labels.push(label);
        }
    }
    assert_eq!(labels, ["Control+A", "ArrowLeft", "Enter"], "typed characters are not shown");
    failed(bench.call(press("Hyper+Q")).await, Code::InvalidArgument);
}

// snapshot.md 8, B2: scroll
// agent.md 17.10
#[tokio::test]
async fn scrolling_moves_what_it_should_and_says_where_it_is() {
    let bench = Bench::open(&[(
        "/",
        "<body style='margin:0'><ul aria-label=List style='overflow:auto;height:100px;width:200px'><li style='height:900px'>x</li></ul>
         <div style='height:4000px'></div><p>The end</p>",
    )])
    .await;
    let scroll = |by| Call::Scroll { within: None, by };
    let done = bench.call(scroll(ScrollBy::Pixels { x: 0, y: 300 })).await.unwrap();
    assert_eq!((done.data["y"].as_f64(), done.data["moved"].as_bool()), (Some(300.0), Some(true)));
    let done = bench.call(scroll(ScrollBy::Pixels { x: 0, y: 0 })).await.unwrap();
    assert_eq!(done.data["moved"], false);
    let done = bench.call(scroll(ScrollBy::Bottom)).await.unwrap();
    assert_eq!(done.data["at_bottom"], true);
    let done = bench.call(scroll(ScrollBy::Top)).await.unwrap();
    assert_eq!(done.data["at_top"], true);
    let list = named(Some(RoleNoun::List), "List", Among::Anything);
    let done = bench
        .call(Call::Scroll { within: Some(list), by: ScrollBy::Pixels { x: 0, y: 150 } })
        .await
        .unwrap();
    assert_eq!(done.data["y"], 150.0);
    let text = "The end".into();
    bench.call(Call::ScrollUntil { down: true, text }).await.unwrap();
    let text = "No such text".into();
    failed(bench.call(Call::ScrollUntil { down: true, text }).await, Code::NotFound);
}
