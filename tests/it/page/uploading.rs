//! Files into inputs, onto drop zones and into choosers.

use super::*;

const SOON: Duration = Duration::from_millis(1500);

fn upload(to: Option<&str>, files: &[&str]) -> Call {
    Call::UploadFile {
        to: to.map(|name| named(None, name, Among::FileInputs)),
        files: files.iter().map(|name| (*name).into()).collect(),
    }
}

/// Every input says in the title which bytes it got.
const FORM: &str = "<title>t</title>
    <label>Photo <input type=file accept='image/*'></label>
    <label>Papers <input type=file multiple accept='.pdf,text/csv' style='display:none'></label>
    <label>Off <input type=file disabled></label>
    <section aria-label='Drop here' id=zone style='height:80px;width:300px;background:#eee'></section>
    <section aria-label='No files' style='height:20px;width:300px;background:#ccc'></section>
    <button onclick='unseen.click()'>Choose</button><input type=file id=unseen style='display:none'>
    <button onclick=\"const input = document.createElement('input'); input.type = 'file'; input.onchange = () => told(input.files); input.click()\">Detached</button>
    <script>
    const told = async (files) => { document.title = (await Promise.all([...files].map(async (file) => `${file.name}:${file.type}:${(await file.arrayBuffer()).byteLength}`))).join(' ') };
    let changes = 0;
    for (const input of document.querySelectorAll('input')) input.addEventListener('change', () => { changes += 1; told(input.files) });
    zone.addEventListener('dragover', (event) => event.preventDefault());
    zone.addEventListener('drop', (event) => { event.preventDefault(); told(event.dataTransfer.files) });
    </script>";

// snapshot.md 8, B7: choosers
// agent.md 17.15
#[tokio::test]
async fn files_reach_inputs_drop_zones_and_open_choosers() {
    let house = tempfile::tempdir().unwrap();
    std::fs::write(house.path().join("cv.pdf"), vec![7; 3 << 20]).unwrap();
    std::fs::write(house.path().join("b.csv"), "1,2").unwrap();
    let bench = Bench::open_with_files(&[("/", FORM)], house.path()).await;
    let done = bench.call(upload(Some("Photo"), &["fixture:png"])).await.unwrap();
    assert_eq!(done.sentence, "uploaded fixture.png to button \"Photo\"");
    assert!(bench.title().await.starts_with("fixture.png:image/png:"));
    assert!(bench.tree().await.contains(": fixture.png"), "{}", bench.tree().await);
    // The label of an input that is not shown, and more than one piece.
    let done = bench.call(upload(Some("Papers"), &["cv.pdf", "b.csv"])).await.unwrap();
    assert_eq!(done.data["files"][1], "b.csv");
    assert_eq!(bench.title().await, "cv.pdf:application/pdf:3145728 b.csv:text/csv:3");
    let zone = named(Some(RoleNoun::Section), "Drop here", Among::FileInputs);
    let drop = Call::UploadFile { to: Some(zone), files: vec!["b.csv".into()] };
    bench.call(drop).await.unwrap();
    assert_eq!(bench.title().await, "b.csv:text/csv:3");
    let deaf = named(Some(RoleNoun::Section), "No files", Among::FileInputs);
    let drop = Call::UploadFile { to: Some(deaf), files: vec!["b.csv".into()] };
    assert_eq!(reason(bench.call(drop).await), "not_editable");

    let done = bench.click("Choose").await.unwrap();
    assert!(
        done.notes[0].starts_with("file chooser open for button \"Choose File\" [ref=e"),
        "{:?}",
        done.notes
    );
    let done = bench.call(upload(None, &["fixture:txt"])).await.unwrap();
    assert!(done.sentence.contains("the open file chooser"), "{done:?}");
    assert!(bench.title().await.starts_with("fixture.txt:text/plain:"));
    bench.click("Detached").await.unwrap();
    // A description that leads nowhere is of the button that opened it.
    bench.call(upload(Some("Detached"), &["fixture:jpg"])).await.unwrap();
    assert!(bench.title().await.starts_with("fixture.jpg:image/jpeg:"));
    let none = bench.call_within(upload(None, &["fixture:txt"]), SOON).await;
    failed(none, Code::NotFound);
}

// snapshot.md 8: a forbidden file type
#[tokio::test]
async fn what_an_input_would_not_take_is_not_given_to_it() {
    let house = tempfile::tempdir().unwrap();
    let bench = Bench::open_with_files(&[("/", FORM)], house.path()).await;
    for (to, files, code) in [
        ("Photo", &["fixture:pdf"][..], Code::InvalidArgument),
        ("Photo", &["fixture:png", "fixture:jpg"], Code::InvalidArgument),
        ("Photo", &[], Code::InvalidArgument),
        ("Photo", &["../cv.pdf"], Code::BlockedByPolicy),
        ("Photo", &["/etc/passwd"], Code::BlockedByPolicy),
        ("Photo", &["none.png"], Code::NotFound),
        ("Papers", &["fixture:pdf", "fixture:png"], Code::InvalidArgument),
    ] {
        failed(bench.call_within(upload(Some(to), files), SOON).await, code);
    }
    assert_eq!(
        reason(bench.call_within(upload(Some("Off"), &["fixture:txt"]), SOON).await),
        "disabled"
    );
    assert_eq!(bench.title().await, "t", "no input has changed");
}
