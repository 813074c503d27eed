//! Typing and choosing.

use handback::page::predicate::Op;

use super::*;

const SOON: Duration = Duration::from_millis(1500);

fn value(name: &str, op: Op, value: impl Into<Text>) -> Predicate {
    let target = Target { name: Some(name.into()), ..Target::default() };
    Predicate::Value { target, op, value: value.into() }
}

#[tokio::test]
async fn filling_replaces_the_value_without_keys_and_an_empty_text_clears() {
    let bench = Bench::open(&[(
        "/",
        "<title></title><input aria-label=Name value=old oninput=\"document.title += 'i'\" onkeydown=\"document.title += 'k'\">
         <textarea aria-label=Story>once</textarea>
         <div contenteditable aria-label=Editor><b>bold</b></div>
         <input aria-label=Fixed readonly value=x><button>Plain</button>",
    )])
    .await;
    let done = bench.fill("Name", "Grüße 🎉").await.unwrap();
    assert_eq!(done.data["value"], "Grüße 🎉");
    assert_eq!(bench.title().await, "i");
    bench.fill("Name", "").await.unwrap();
    assert!(bench.ask(value("Name", Op::Equals, "")).await.outcome);
    let done = bench.fill("Story", "one\ntwo").await.unwrap();
    assert_eq!(done.data["value"], "one\ntwo");
    let done = bench.fill("Editor", "first\nsecond").await.unwrap();
    let text = done.data["value"].as_str().unwrap().replace("\n\n", "\n");
    assert_eq!(text, "first\nsecond", "{done:?}");
    assert_eq!(reason(bench.call_within(fill("Fixed", "y"), SOON).await), "readonly");
    let plain = type_into(Some(on("Plain")), "y");
    assert_eq!(reason(bench.call_within(plain, SOON).await), "not_editable");
}

#[tokio::test]
async fn dates_numbers_colours_and_ranges_are_set_by_value_and_refusals_change_nothing() {
    let bench = Bench::open(&[(
        "/",
        "<title></title><input type=date aria-label=Day onchange='document.title = this.value'>
         <input type=number aria-label=Count min=1 max=9><input type=color aria-label=Paint>
         <input type=range aria-label=Volume min=0 max=10><input type=time aria-label=Hour>",
    )])
    .await;
    bench.fill("Day", "2026-11-21").await.unwrap();
    assert_eq!(bench.title().await, "2026-11-21");
    bench.fill("Count", "7").await.unwrap();
    bench.fill("Paint", "#1a2b3c").await.unwrap();
    bench.fill("Hour", "09:30").await.unwrap();
    let slider = named(Some(RoleNoun::Slider), "Volume", Among::Anything);
    bench.call(type_into(Some(slider.clone()), "8")).await.unwrap();
    let clamped = type_into(Some(slider), "80");
    let refused = failed(bench.call(clamped).await, Code::InvalidArgument);
    assert!(refused.message.contains("from 0 to 10"), "{refused}");
    let refused = failed(bench.fill("Day", "21.11.2026").await, Code::InvalidArgument);
    assert!(refused.message.contains("2026-01-31"), "{refused}");
    assert_eq!(bench.title().await, "2026-11-21", "a refused value changes nothing");
    assert!(bench.ask(value("Count", Op::Equals, "7")).await.outcome);
}

#[tokio::test]
async fn typing_without_a_field_goes_to_the_focus() {
    let bench = Bench::open(&[
        ("/", "<iframe src='{B}/inner' title=f></iframe>"),
        ("/inner", "<input aria-label=Deep autofocus>"),
    ])
    .await;
    let no_field = type_into(None, "hi");
    failed(bench.call(no_field.clone()).await, Code::NotFound);
    bench
        .call(Call::Click {
            on: field("Deep"),
            button: Button::Left,
            count: 1,
            modifiers: Vec::new(),
        })
        .await
        .unwrap();
    bench.call(no_field).await.unwrap();
    assert!(bench.ask(value("Deep", Op::Equals, "hi")).await.outcome);
}

// snapshot.md 8, B2: select_option
// agent.md 17.9
#[tokio::test]
async fn native_selects_choose_by_value_or_label_and_a_miss_lists_the_options() {
    let bench = Bench::open(&[(
        "/",
        "<title></title><select aria-label=Shipping onchange='document.title = this.value'><option value=std>Standard<option value=exp>Express<option disabled>Never</select>
         <select multiple aria-label=Tags><option>A<option>B<option>C</select>
         <select aria-label=Late></select><script>setTimeout(() => document.querySelector('[aria-label=Late]').innerHTML = '<option>x<option>Now', 700)</script>",
    )])
    .await;
    let done = bench.call(select("Shipping", &["express"])).await.unwrap();
    assert_eq!(done.data["selected"][0]["label"], "Express");
    assert_eq!(bench.title().await, "exp");
    bench.call(select("Shipping", &["std"])).await.unwrap();
    assert_eq!(bench.title().await, "std");
    let miss =
        failed(bench.call_within(select("Shipping", &["Teleport"]), SOON).await, Code::NotFound);
    assert_eq!(miss.data["options"][1]["label"], "Express");
    assert_eq!(reason(bench.call_within(select("Shipping", &["Never"]), SOON).await), "disabled");
    assert_eq!(bench.title().await, "std", "a miss changes nothing");
    let done = bench.call(select("Tags", &["A", "C"])).await.unwrap();
    assert_eq!(done.data["selected"].as_array().unwrap().len(), 2);
    bench.call(select("Late", &["Now"])).await.unwrap();
}

// agent.md 17.9
#[tokio::test]
async fn a_custom_combobox_is_opened_and_shows_what_was_chosen() {
    let bench = Bench::open(&[(
        "/",
        "<div role=combobox aria-label=Fruit aria-expanded=false aria-haspopup=listbox tabindex=0 id=c>Choose</div>
         <script>
         c.onclick = () => {
           if (document.querySelector('[role=listbox]')) return;
           c.ariaExpanded = 'true';
           const list = document.createElement('ul');
           list.setAttribute('role', 'listbox');
           list.innerHTML = '<li role=option>Apple<li role=option>Pear';
           list.onclick = (event) => { c.textContent = event.target.textContent; c.ariaExpanded = 'false'; list.remove(); };
           document.body.append(list);
         };
         </script>",
    )])
    .await;
    bench.call(select("Fruit", &["pear"])).await.unwrap();
    assert!(bench.tree().await.contains("Pear"), "{}", bench.tree().await);
    let miss = failed(bench.call_within(select("Fruit", &["Plum"]), SOON).await, Code::NotFound);
    assert_eq!(miss.data["options"][0]["label"], "Apple", "{miss}");
}

#[tokio::test]
async fn a_custom_combobox_that_does_not_take_the_choice_is_a_failure() {
    let bench = Bench::open(&[(
        "/",
        "<div role=combobox aria-label=Fruit aria-expanded=false aria-haspopup=listbox tabindex=0 id=c>Choose</div>
         <ul role=listbox id=list hidden><li role=option>Apple<li role=option>Pear</ul>
         <script>
         c.onclick = () => { list.hidden = false; c.ariaExpanded = 'true'; };
         list.onclick = () => { list.hidden = true; c.ariaExpanded = 'false'; };
         </script>",
    )])
    .await;
    assert_eq!(
        reason(bench.call_within(select("Fruit", &["Pear"]), SOON).await),
        "state_unchanged"
    );
    assert!(bench.tree().await.contains("Choose"), "{}", bench.tree().await);
}

// snapshot.md 8, G1
// agent.md 17.16
#[tokio::test]
async fn a_password_is_masked_everywhere_and_still_compared() {
    let bench = Bench::open(&[(
        "/",
        "<input type=password aria-label=Password id=p><button onclick=\"p.type='text'\">Show</button>",
    )])
    .await;
    let done = bench.fill("Password", "hunter2").await.unwrap();
    assert_eq!(done.data["value"], "••••");
    bench.click("Show").await.unwrap();
    let tree = bench.tree().await;
    assert!(tree.contains("••••") && !tree.contains("hunter2"), "{tree}");
    let held = bench.ask(value("Password", Op::Equals, "hunter2")).await;
    assert!(held.outcome, "{}", held.detail);
    let wrong = bench.ask_for(value("Password", Op::Equals, "hunter3"), SOON).await;
    assert!(!wrong.outcome);
}

#[tokio::test]
async fn a_secret_is_typed_only_where_it_may_be_and_cannot_be_read_there() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><input aria-label=Token id=token oninput=\"document.title = getComputedStyle(this).webkitTextSecurity\">
         <x-vault></x-vault><script>
         customElements.define('x-vault', class extends HTMLElement { connectedCallback() {
           this.attachShadow({ mode: 'open' }).innerHTML = '<input aria-label=Vault oninput=\"document.title = getComputedStyle(this).webkitTextSecurity + this.value.length\">';
         } });</script>
         <iframe src='{B}/inner'></iframe>",
    ), ("/inner", "<input aria-label=Foreign>")])
    .await;
    let here = [bench.pages.origin.as_str()];
    let done = bench.fill("Token", secret("{{TOKEN}}", "s3cr3t-value", &here)).await.unwrap();
    assert!(!format!("{done:?}").contains("s3cr3t"), "{done:?}");
    assert_eq!(bench.title().await, "disc");
    bench.fill("Vault", secret("{{TOKEN}}", "s3cr3t-value", &here)).await.unwrap();
    assert_eq!(bench.title().await, "disc12");
    let tree = bench.tree().await;
    assert!(!tree.contains("s3cr3t") && tree.matches("••••").count() == 2, "{tree}");
    let refused = failed(
        bench.fill("Foreign", secret("{{TOKEN}}", "s3cr3t-value", &here)).await,
        Code::BlockedByPolicy,
    );
    assert_eq!(refused.data["host"], bench.pages.other.as_str());
    assert!(!format!("{refused:?}").contains("s3cr3t"), "{refused:?}");
    assert!(bench.ask(value("Foreign", Op::Equals, "")).await.outcome);
    let there = [bench.pages.other.as_str()];
    bench.fill("Foreign", secret("{{TOKEN}}", "s3cr3t-value", &there)).await.unwrap();
    let url = secret("/?t={{TOKEN}}", "/?t=s3cr3t-value", &there);
    let refused = bench.call(Call::Navigate { url }).await;
    assert!(!format!("{:?}", failed(refused, Code::BlockedByPolicy)).contains("s3cr3t"));
}
