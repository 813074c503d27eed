//! Hovering, dragging, and clicks with keys held.

use handback::page::tool::Modifier;

use super::*;

const SOON: Duration = Duration::from_millis(1500);

fn drag(from: &str, to: &str) -> Call {
    Call::Drag { from: on(from), to: named(None, to, Among::Anything) }
}

// snapshot.md 8, B7: hover
// agent.md 17.15
#[tokio::test]
async fn the_pointer_stays_where_it_hovers_and_held_keys_go_with_a_click() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><style>#menu { display:none } #top:hover #menu { display:block }
         #veil { position:absolute; left:0; top:300px; width:300px; height:60px; background:#fff }</style>
         <div id=top><button>Menu</button><div id=menu><button onclick=\"document.title='item'\">Item</button></div></div>
         <a href='#x' onclick=\"document.title = [event.ctrlKey, event.shiftKey, event.altKey, event.metaKey].map(Number).join(''); return false\">Held</a>
         <button onkeyup=\"document.title += event.key\" autofocus>Keys</button>
         <button style='position:absolute;top:310px'>Under</button><div id=veil>veil</div>
         <button disabled title=why>Off</button>",
    )])
    .await;
    for round in 0..2 {
        let done = bench.call(Call::Hover { on: on("Menu") }).await.unwrap();
        assert_eq!(done.sentence, "hovered over button \"Menu\"", "{round}");
        assert!(bench.tree().await.contains("Item"), "the menu stays open");
    }
    bench.click("Item").await.unwrap();
    assert_eq!(bench.title().await, "item");
    bench.call(Call::Hover { on: on("Off") }).await.unwrap();
    let covered = bench.call_within(Call::Hover { on: on("Under") }, SOON).await;
    assert_eq!(reason(covered), "covered");
    let held = |modifiers: &[Modifier]| Call::Click {
        on: on("Held"),
        button: Button::Left,
        count: 1,
        modifiers: modifiers.to_vec(),
    };
    bench.call(held(&[Modifier::Control, Modifier::Alt])).await.unwrap();
    assert_eq!(bench.title().await, "1010");
    bench.call(held(&[])).await.unwrap();
    assert_eq!(bench.title().await, "0000", "no key stays down");
}

/// Two lists between which an item goes: by HTML drag and drop, and by the pointer alone.
const BOARD: &str = "<title></title>
    <style>li, ol { list-style:none } ol { width:300px; min-height:60px; background:#eee } #slide { width:40px;height:40px;background:#88f;position:relative }</style>
    <ol aria-label=Todo><li draggable=true id=card>Card</li></ol><ol aria-label=Done id=done></ol>
    <div style='height:900px'></div><ol aria-label=Far id=far></ol>
    <div id=slide role=slider tabindex=0 aria-label=Knob></div><div id=goal style='margin-left:300px;width:60px;height:60px'>Goal</div>
    <div style='height:900px'></div>
    <script>
    const log = [];
    const say = (word) => { log.push(word); document.title = log.join(' ') };
    card.addEventListener('dragstart', (event) => { event.dataTransfer.setData('text/plain', 'card'); say('start') });
    card.addEventListener('dragend', () => say('end'));
    for (const list of [done, far]) {
      list.addEventListener('dragover', (event) => event.preventDefault());
      list.addEventListener('drop', (event) => { event.preventDefault(); say('drop:' + event.dataTransfer.getData('text/plain')); list.append(card) });
    }
    let from = null;
    slide.addEventListener('mousedown', (event) => { from = event.clientX; say('down') });
    addEventListener('mousemove', (event) => { if (from !== null) slide.style.left = (event.clientX - from) + 'px' });
    addEventListener('mouseup', (event) => { if (from !== null) say('up:' + event.target.id); from = null });
    addEventListener('click', (event) => say('click:' + event.target.id));
    </script>";

// snapshot.md 8, B7: drag
#[tokio::test]
async fn what_a_page_lets_be_dragged_is_dropped_and_anything_else_follows_the_pointer() {
    let bench = Bench::open(&[("/", BOARD)]).await;
    let done = bench.call(drag("Card", "Done")).await.unwrap();
    assert_eq!(bench.title().await, "start drop:card end");
    assert!(done.sentence == "dragged listitem to list \"Done\"", "{done:?}");
    // The target is off screen: it is scrolled to while the card is held.
    bench.call(drag("Card", "Far")).await.unwrap();
    assert_eq!(bench.title().await, "start drop:card end start drop:card end");
    bench.call(Call::Reload).await.unwrap();
    bench.call(drag("Knob", "Goal")).await.unwrap();
    let title = bench.title().await;
    assert!(title.starts_with("down up:"), "the button came up again: {title}");
    // Nothing is held afterwards: a click is a click.
    bench.click("Card").await.unwrap();
    let title = bench.title().await;
    assert!(title.ends_with("click:card"), "{title}");
}

#[tokio::test]
async fn what_carries_no_data_is_dropped_too() {
    let bare = BOARD.replace("event.dataTransfer.setData('text/plain', 'card'); ", "");
    let bench = Bench::open(&[("/", &bare)]).await;
    bench.call(drag("Card", "Done")).await.unwrap();
    assert_eq!(bench.title().await, "start drop: end");
    bench.call(drag("Card", "Far")).await.unwrap();
    assert_eq!(bench.title().await, "start drop: end start drop: end");
    let bench = Bench::open(&[(
        "/",
        "<title>seen:</title><div draggable=true>Card</div><div id=done ondragover='return false' \
         ondrop=\"document.title += ' dropped'; return false\">Done</div>",
    )])
    .await;
    bench.call(drag("Card", "Done")).await.unwrap();
    assert_eq!(bench.title().await, "seen: dropped");
}

#[tokio::test]
async fn nothing_is_taken_that_has_nowhere_to_go_and_what_vanishes_is_put_back() {
    let bench = Bench::open(&[("/", BOARD)]).await;
    failed(bench.call_within(drag("Card", "Nowhere"), SOON).await, Code::NotFound);
    assert_eq!(bench.title().await, "", "nothing was pressed");
    let vanishing = BOARD.replace("say('down')", "say('down'); goal.remove()");
    let bench = Bench::open(&[("/", &vanishing)]).await;
    failed(bench.call_within(drag("Knob", "Goal"), SOON).await, Code::NotFound);
    let title = bench.title().await;
    assert!(title.starts_with("down up:slide"), "{title}");
}
