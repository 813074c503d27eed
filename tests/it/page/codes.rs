//! Fields for codes of components that are not ours, as pages have them.

use std::{fs, process::Stdio};

use handback::page::target::Ordinal;
use tokio::process::Command;

use super::*;

/// Each has a page of its own, with its state for a title.
const COMPONENTS: [&str; 4] = ["input-otp", "radix", "react-otp-input", "vue3-otp-input"];

/// Where the bundled pages are; the first time ever installs.
async fn bundled() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/codes/bundle.sh");
    let told = Command::new(script).stderr(Stdio::inherit()).output().await.expect("it can be run");
    assert!(told.status.success(), "{}", told.status);
    PathBuf::from(String::from_utf8(told.stdout).expect("a path").trim())
}

fn page_of(component: &str, bundled: &Path) -> String {
    let script = fs::read_to_string(bundled.join(format!("{component}.js"))).expect("bundled");
    assert!(!script.contains("{A}") && !script.contains("{B}"), "these are ours to fill in");
    format!("<title></title><h1>{component}</h1><div id=root></div><script>{script}</script>")
}

fn first_field() -> Subject {
    let target =
        Target { ordinal: Some(Ordinal::Nth(1)), role: Some(RoleNoun::Field), ..Target::default() };
    Subject::Described { target, among: Among::TextFields }
}

// agent.md 17.26
#[tokio::test]
async fn components_of_four_makers_take_a_code_pasted_and_typed() {
    let bundled = bundled().await;
    let mut pages = vec![("/".to_owned(), "<title>start</title>".to_owned())];
    for component in COMPONENTS {
        pages.push((format!("/{component}"), page_of(component, &bundled)));
    }
    let pages: Vec<_> = pages.iter().map(|(path, html)| (path.as_str(), html.as_str())).collect();
    let bench = Bench::open(&pages).await;
    let origin = bench.pages.origin.clone();
    for component in COMPONENTS {
        let holds = async |code: &str, after: &str| {
            assert_eq!(bench.title().await, code, "{component}, {after}");
            let tree = bench.tree().await;
            let shows = |value: &str| {
                tree.lines().any(|line| line.contains("textbox") && line.ends_with(value))
            };
            assert!(shows(": ••••"), "{component}, {after}: it is masked\n{tree}");
            let any = code.chars().any(|char| shows(&format!(": {char}")));
            assert!(!any, "{component}, {after}: no box shows what it holds\n{tree}");
        };
        bench.go(&format!("/{component}")).await.unwrap();
        let code = secret("{{code}}", "418273", &[&origin]);
        let done = bench.call(Call::PasteCode { into: None, code }).await.expect(component);
        assert_eq!(done.data["value"], "••••", "{component}: {}", done.data);
        holds("418273", "pasted").await;
        // Over what stands there.
        let code = secret("{{code}}", "905162", &[&origin]);
        bench.call(type_into(Some(first_field()), code)).await.expect(component);
        holds("905162", "typed over").await;
        // Into fresh ones, and no secret.
        bench.go(&format!("/{component}")).await.unwrap();
        bench.call(type_into(Some(first_field()), "736450")).await.expect(component);
        assert_eq!(bench.title().await, "736450", "{component}, typed");
    }
}
