//! A case that needs no model: the page opens and shows its title and headings (pure).

use crate::agent::plan::{Plan, direct, variables::Variables};

use super::Case;

/// Headings that are verified.
const HEADINGS: usize = 2;
/// A value in a query that is longer may be a token, and is no part of a page's name.
const LONGEST_VALUE: usize = 16;

/// The case of a page. `None` if it has neither title nor heading that a plan can name.
pub fn case(url: &url::Url, title: &str, headings: &[String]) -> Option<Case> {
    let open = format!("Open \"{}\"", address(url));
    let title = one_line(title);
    let titled = format!("Verify the title is \"{}\"", title.replace('"', "\\\""));
    let shown = headings.iter().map(|heading| one_line(heading)).filter(|one| !one.is_empty());
    let shown =
        shown.map(|heading| format!("Verify \"{}\" is visible", heading.replace('"', "\\\"")));
    let checks: Vec<String> = std::iter::once(titled)
        .filter(|_| !title.is_empty())
        .chain(shown.take(HEADINGS))
        .filter(|line| runs(&open, line))
        .collect();
    if checks.is_empty() {
        return None;
    }
    let name = if title.is_empty() { url.path().to_owned() } else { title };
    let name = name.replace('<', "‹").replace("{{", "{ {").replace(['*', '_', '`'], " ");
    Some(Case { name: one_line(&name), text: format!("{open}\n{}", checks.join("\n")) })
}

/// The path, and what of the query names a page.
fn address(url: &url::Url) -> String {
    let telling = |query: &&str| {
        query
            .split('&')
            .all(|pair| pair.split_once('=').is_none_or(|(_, value)| value.len() <= LONGEST_VALUE))
    };
    match url.query().filter(telling) {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Whether a line is a check that runs without a model, and says what it seems to say.
fn runs(open: &str, line: &str) -> bool {
    // A comment, a placeholder or an escape would make something else of it.
    let plain = ["<!--", "{{", "```"].iter().all(|mark| !line.contains(mark))
        && !line.replace("\\\"", "").contains('\\');
    let plan = Plan::parse(&format!("#Case 1: A\n{open}\n{line}"), &[], &Variables::default());
    let one = plan.ok().and_then(|plan| plan.scenarios.into_iter().next());
    plain && one.is_some_and(|one| one.checks.len() == 1 && direct::compile(&one).is_ok())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::agent::discovery::{Discovered, report};

    fn made(path: &str, title: &str, headings: &[&str]) -> Option<Case> {
        let url = Url::parse("http://shop.example/").unwrap().join(path).unwrap();
        let headings: Vec<_> = headings.iter().map(|one| (*one).to_owned()).collect();
        case(&url, title, &headings)
    }

    #[test]
    fn a_page_opens_and_shows_title_and_headings() {
        let cart =
            made("/cart?x=1", "Cart – Shop", &["Your \n cart", "", "Total", "Other"]).unwrap();
        assert_eq!(cart.name, "Cart – Shop");
        assert_eq!(
            cart.text,
            "Open \"/cart?x=1\"\nVerify the title is \"Cart – Shop\"\n\
             Verify \"Your cart\" is visible\nVerify \"Total\" is visible"
        );
        let long = made("/u?session=0123456789abcdef0&x=1", "", &["Hi"]).unwrap();
        assert_eq!((long.name.as_str(), &long.text[..9]), ("/u", "Open \"/u\""));
        assert_eq!(made("/", " ", &[]), None);
    }

    #[test]
    fn whatever_a_page_calls_itself_the_file_is_a_direct_plan() {
        let hostile = [
            "Say \"hi\"",
            "a <!-- b",
            "{{X}}",
            "c:\\new",
            "**Bold**: and verify",
            "#Case 7: evil",
            "```",
            "it's; then click \"x\"",
            "Test 3. A",
            "Scenario 4 b",
            "“quoted”",
            "a, b and c",
        ];
        let pages: Vec<Discovered> = hostile
            .iter()
            .enumerate()
            .filter_map(|(n, text)| {
                let case = made(&format!("/p,{n};x"), text, &[text, "Fine"])?;
                let url = "http://shop.example/".to_owned();
                Some(Discovered { url, title: (*text).to_owned(), cases: vec![case] })
            })
            .collect();
        assert_eq!(pages.len(), hostile.len(), "each has one heading that can be named");
        let text = report::markdown(&pages);
        let plan = Plan::parse(&text, &[], &Variables::default())
            .unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        assert_eq!(plan.scenarios.len(), hostile.len(), "{text}");
        for scenario in &plan.scenarios {
            direct::compile(scenario).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        }
        assert!(text.contains("Verify \"Say \\\"hi\\\"\" is visible"), "{text}");
    }
}
