//! Typing in other ways than filling, codes in boxes, and scripts.

use serde_json::json;

use super::*;

const SOON: Duration = Duration::from_millis(1500);

fn type_as(mode: TypeMode, name: &str, text: &str, submit: bool) -> Call {
    Call::TypeText { into: Some(field(name)), text: text.into(), mode, submit }
}

#[tokio::test]
async fn text_is_appended_typed_by_keys_and_submitted() {
    let bench = Bench::open(&[(
        "/",
        "<title></title><form onsubmit=\"document.title = 'sent ' + name.value; return false\"><input id=name aria-label=Name value=Ada></form>
         <input type=email aria-label=Mail value=a@>
         <textarea aria-label=Story>one</textarea><div contenteditable aria-label=Editor>first</div>
         <input aria-label=Keyed onkeydown=\"log.push(event.key)\">
         <input type=date aria-label=Day value=2026-01-01><input type=password aria-label=Secret>
         <script>const log = []; addEventListener('compositionend', (event) => log.push('composed ' + event.data))</script>",
    )])
    .await;
    let done = bench.call(type_as(TypeMode::Append, "Name", " Lovelace", true)).await.unwrap();
    assert_eq!((done.data["value"].as_str(), done.notes.len()), (Some("Ada Lovelace"), 0));
    assert_eq!(done.page.title, "sent Ada Lovelace");
    for (name, text, value) in [
        ("Mail", "b.example", "a@b.example"),
        ("Story", "\ntwo", "one\ntwo"),
        ("Editor", " second", "first second"),
    ] {
        let done = bench.call(type_as(TypeMode::Append, name, text, false)).await.unwrap();
        assert_eq!(done.data["value"], value, "{done:?}");
    }
    let whole = bench.call(type_as(TypeMode::Append, "Day", "x", false)).await;
    failed(whole, Code::InvalidArgument);

    let done = bench.call(type_as(TypeMode::Keys, "Keyed", "Aß!", false)).await.unwrap();
    assert_eq!((done.data["value"].as_str(), done.notes.len()), (Some("Aß!"), 0), "{done:?}");
    let log = Call::Evaluate { expression: "log.join(' ')".into(), on: None };
    let done = bench.call(log).await.unwrap();
    assert_eq!(done.data["value"], "A composed ß !");
    let keys = Call::TypeText {
        into: Some(field("Secret")),
        text: secret("{{PW}}", "hunter2", &[&bench.pages.origin]),
        mode: TypeMode::Keys,
        submit: false,
    };
    assert_eq!(bench.call(keys).await.unwrap().data["value"], "••••");
}

/// Six boxes of three kinds, each in a page of its own, and fields that take a code whole. Every
/// page says in its title what it has got.
const RENDERED: &str = "<title></title><label>Mail <input aria-label=Mail></label><div id=boxes></div><script>
    let code = Array(6).fill('');
    const draw = (at) => {
      boxes.innerHTML = code.map((char, i) => `<input style='width:32px;height:40px' aria-label='Digit ${i + 1}' inputmode=numeric maxlength=1 value='${char}'>`).join('');
      boxes.querySelectorAll('input').forEach((box, i) => box.addEventListener('input', () => { code[i] = box.value; draw(Math.min(5, i + 1)) }));
      if (at !== undefined) boxes.children[at].focus();
      document.title = code.join('');
    };
    draw();
    </script>";
/// Boxes that neither move on nor take a paste.
const PLAIN: &str = "<title></title><div id=boxes></div><script>
    boxes.innerHTML = [1, 2, 3, 4].map((n) => `<input style='width:32px;height:40px' aria-label='Plain ${n}' maxlength=1>`).join('');
    boxes.oninput = () => { document.title = [...boxes.children].map((box) => box.value).join('') };
    </script>";
/// Boxes that swallow keys and take a paste, on what holds them.
const PASTED: &str = "<title></title><div id=boxes></div><script>
    boxes.innerHTML = [1, 2, 3, 4].map((n) => `<input style='width:32px;height:40px' aria-label='Box ${n}'>`).join('');
    boxes.addEventListener('keydown', (event) => event.preventDefault());
    boxes.addEventListener('paste', (event) => {
      event.preventDefault();
      [...event.clipboardData.getData('text')].forEach((char, i) => { boxes.children[i].value = char });
      document.title = 'pasted';
    });
    </script>";
const SINGLE: &str =
    "<title></title><label>Code <input autocomplete=one-time-code value=old></label>
    <label>City <input></label><input aria-label=Zip maxlength=5>";
/// Boxes that refuse every second character.
const STUBBORN: &str = "<title></title><div id=boxes></div><script>
    boxes.innerHTML = [1, 2, 3, 4].map((n) => `<input style='width:32px;height:40px' maxlength=1>`).join('');
    boxes.oninput = (event) => { if (event.target === boxes.children[1]) event.target.value = 'x' };
    </script>";

fn paste(into: Option<&str>, code: impl Into<Text>) -> Call {
    Call::PasteCode { into: into.map(field), code: code.into() }
}

// agent.md 17.26
#[tokio::test]
async fn a_code_goes_into_whatever_takes_one_and_is_read_back() {
    let bench = Bench::open(&[
        ("/", RENDERED),
        ("/plain", PLAIN),
        ("/pasted", PASTED),
        ("/single", SINGLE),
        ("/stubborn", STUBBORN),
        ("/two", &format!("{PLAIN}<hr>{SINGLE}")),
        ("/none", "<title></title><input aria-label=Name>"),
    ])
    .await;
    let origin = bench.pages.origin.clone();
    let done = bench.call(paste(None, secret("{{code}}", "418273", &[&origin]))).await.unwrap();
    assert_eq!(done.sentence, "entered the code into 6 boxes");
    assert_eq!(bench.title().await, "418273");
    let tree = bench.tree().await;
    assert!(
        !tree.contains('4') || tree.matches("••••").count() == 6,
        "every box is masked: {tree}"
    );
    // Again, over what stands there, from a box in the middle.
    bench.call(paste(Some("Digit 3"), "904-512")).await.unwrap();
    assert_eq!(bench.title().await, "904512");
    // Typing does the same; into an ordinary field beside them it does not.
    bench.call(fill("Digit 1", "111222")).await.unwrap();
    assert_eq!(bench.title().await, "111222");
    bench.call(fill("Mail", "ada@b.c")).await.unwrap();
    assert!(bench.tree().await.contains("ada@b.c"));
    failed(bench.call(paste(None, "1234567")).await, Code::InvalidArgument);

    for (path, code, title) in [("/plain", "7Q3z", "7Q3z"), ("/pasted", "7531", "pasted")] {
        bench.go(path).await.unwrap();
        bench.call(paste(None, code)).await.unwrap();
        assert_eq!(bench.title().await, title);
    }
    bench.go("/single").await.unwrap();
    let done = bench.call(paste(None, "123456")).await.unwrap();
    assert_eq!(done.target.unwrap().split(" [").next(), Some("textbox \"Code\""));
    bench.call(paste(Some("City"), "Oslo")).await.unwrap();
    bench.go("/stubborn").await.unwrap();
    assert_eq!(reason(bench.call(paste(None, "1234")).await), "state_unchanged");
    bench.go("/two").await.unwrap();
    failed(bench.call_within(paste(None, "1234"), SOON).await, Code::Ambiguous);
    bench.go("/none").await.unwrap();
    failed(bench.call_within(paste(None, "1234"), SOON).await, Code::NotFound);
}

// agent.md 17.12
// snapshot.md 8, B8
#[tokio::test]
async fn a_script_gives_its_value_or_says_what_went_wrong() {
    let bench = Bench::open(&[
        ("/", "<title>t</title><meta http-equiv=Content-Security-Policy content=\"script-src 'unsafe-inline'\">
            <button id=go>Go</button><iframe src='{B}/inner' title=f></iframe><script>window.mine = 40</script>"),
        ("/inner", "<title>inner</title><button id=deep>Deep</button>"),
    ])
    .await;
    let run = async |expression: &str, on: Option<&str>| {
        let on = on.map(super::on);
        bench.call(Call::Evaluate { expression: expression.into(), on }).await
    };
    for (expression, value) in [
        ("1 + 1", json!(2)),
        ("mine + 2 // the page's own world", json!(42)),
        ("{ a: [1, 'x'], b: null }", json!({"a": [1, "x"], "b": null})),
        ("const a = 1; const b = 2; a + b", json!(3)),
        ("let sum = 0;\nfor (const n of [1, 2]) sum += n;\nreturn sum", json!(3)),
        ("() => document.title", json!("t")),
        ("async function () { return await Promise.resolve('late') }", json!("late")),
        ("[1, 2].map(x => x * 2)", json!([2, 4])),
        ("Promise.resolve(7)", json!(7)),
        ("await Promise.resolve(8)", json!(8)),
        ("const it = await Promise.resolve(9); it", json!(9)),
        ("undefined", json!(null)),
        ("NaN", json!("NaN")),
        ("12n", json!("12n")),
        ("document.querySelector('button')", json!("[button#go]")),
        (
            "({ at: document.body, f() {}, big: 3n })",
            json!({"at": "[body]", "f": "[function f]", "big": "3n"}),
        ),
        ("const o = {}; o.o = o; o", json!({"o": "[circular]"})),
        ("new Map([['k', 1]])", json!({"k": 1})),
    ] {
        let done =
            run(expression, None).await.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(done.data["value"], value, "{expression}");
    }
    let done = run("element => element.id + document.title", Some("Deep")).await.unwrap();
    assert_eq!(done.data["value"], "deepinner");
    let done = run("'y'.repeat(20000)", None).await.unwrap();
    assert_eq!(
        (done.data["truncated"].as_bool(), done.data["value"].as_str().unwrap().len()),
        (Some(true), 16384)
    );
    let done = run("Array(9000).fill('z')", None).await.unwrap();
    assert_eq!(done.data["truncated"], true);

    let thrown = failed(run("1;\n  nothing.here", None).await, Code::EvaluateFailed);
    assert_eq!(
        (thrown.data["name"].as_str(), thrown.data["line"].as_i64()),
        (Some("ReferenceError"), Some(2))
    );
    assert_eq!(thrown.data["message"], "nothing is not defined");
    failed(run("1 +", None).await, Code::EvaluateFailed);
    let thrown = failed(run("throw 'word'", None).await, Code::EvaluateFailed);
    assert_eq!(thrown.data["message"], "word");
    let given = secret("{{PW}}", "hunter2", &[&bench.pages.origin]);
    let secretly = bench.call(Call::Evaluate { expression: given, on: None }).await;
    failed(secretly, Code::BlockedByPolicy);
    let long = "1".repeat(20_001);
    failed(run(&long, None).await, Code::InvalidArgument);
    // A loop that never ends is ended, and the page is there again.
    failed(run("while (true) {}", None).await, Code::Timeout);
    assert_eq!(run("1", None).await.unwrap().data["value"], 1);
    failed(run("location.reload(); new Promise(() => {})", None).await, Code::EvaluateFailed);
}
