//! What files that a page has downloaded are called in the run directory (pure). The name that the
//! page gave is data: it makes no path, hides nothing and replaces nothing.

/// Longest name, in bytes: with a number behind it, what every file system takes.
const LONGEST: usize = 120;
/// Longest ending that is kept when a name is cut.
const LONGEST_ENDING: usize = 16;

/// A name for the file that a page called `suggested`; `taken` says which are taken.
pub fn file_name(suggested: &str, taken: impl Fn(&str) -> bool) -> String {
    let last = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().map(plain).collect();
    // Neither hidden, nor `.`, nor `..`, nor an option of some program.
    let plain = plain.trim_matches([' ', '.', '-']);
    let (stem, ending) = match plain.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= LONGEST_ENDING => {
            (stem, format!(".{ending}"))
        }
        Some(_) | None => (plain, String::new()),
    };
    let stem = stem.get(..stem.floor_char_boundary(LONGEST - ending.len())).unwrap_or_default();
    let stem = if stem.is_empty() { "download" } else { stem };
    let mut name = format!("{stem}{ending}");
    let mut number = 1_u32;
    while taken(&name) {
        number += 1;
        name = format!("{stem}-{number}{ending}");
    }
    name
}

/// The media type that a file is served with, by its ending; nothing that a browser would run.
pub fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("txt" | "log" | "md") => "text/plain",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

fn plain(letter: char) -> char {
    let kept =
        letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ' ' | '(' | ')' | '+');
    if kept { letter } else { '_' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(suggested: &str, wanted: &str) {
        assert_eq!(file_name(suggested, |_| false), wanted, "{suggested:?}");
    }

    #[test]
    fn a_name_of_a_page_is_no_path_and_hides_nothing() {
        check("report.csv", "report.csv");
        check("Q3 report (final).tar.gz", "Q3 report (final).tar.gz");
        check("Größe–Übersicht.pdf", "Größe_Übersicht.pdf");
        check("../../etc/passwd", "passwd");
        check("C:\\Users\\x\\a.txt", "a.txt");
        check("..", "download");
        check("", "download");
        check("/", "download");
        check(".bashrc", "bashrc");
        check("-rf", "rf");
        check("a\u{202e}gpj.exe\n", "a_gpj.exe_");
        check("{{PASSWORD}}.txt", "__PASSWORD__.txt");
    }

    #[test]
    fn a_long_name_keeps_its_ending_and_a_taken_one_gets_a_number() {
        let long = format!("{}.csv", "ä".repeat(200));
        let name = file_name(&long, |_| false);
        assert!(name.len() <= LONGEST && name.ends_with("ä.csv"), "{name}");
        assert!(file_name(&format!("a.{}", "b".repeat(300)), |_| false).len() <= LONGEST);
        let taken = |name: &str| matches!(name, "a.csv" | "a-2.csv");
        assert_eq!(file_name("a.csv", taken), "a-3.csv");
    }

    #[test]
    fn nothing_that_a_browser_would_run_is_served_as_such() {
        for name in ["a.html", "a.svg", "a.js", "a", "a.xhtml"] {
            assert_eq!(media_type(name), "application/octet-stream", "{name}");
        }
        assert_eq!(media_type("A.CSV"), "text/csv");
    }
}
