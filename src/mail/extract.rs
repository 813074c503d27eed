//! From a mail to the code and the link that it was sent for (agent.md 9.4; pure).
//!
//! Everything that looks like a code or a link gets a score: up for what stands near a word for a
//! code, alone on its line, in bold; down for years, amounts, order numbers, footers. The best above a
//! threshold wins, at a tie the first. The weights were chosen on the mails in
//! `tests/support/mails`, all of which are extracted without error.

mod codes;
mod html;
mod links;
mod page;
mod words;

use crate::secret::Secret;
use page::Page;

/// What a mail says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Who sent it, as shown: `Shop <no-reply@shop.example>`.
    pub sender: String,
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: Option<String>,
    /// Its HTML.
    pub html: Option<String>,
}

/// What was found in a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The code.
    pub code: Option<Code>,
    /// The link.
    pub link: Option<Link>,
}

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// As it is typed: digits without what grouped them.
    pub value: Secret<String>,
    /// As the mail has it.
    pub written: Secret<String>,
    /// What it looks like: `6 digits`, `6 digits in groups`, `8 letters and digits`.
    pub shape: String,
    /// How certain it is; the threshold is 6.
    pub score: i32,
    /// Another one had the same score, and this was the first.
    pub tie: bool,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its address.
    pub url: Secret<String>,
    /// What is shown of it: its host.
    pub host: String,
    /// How certain it is; the threshold is 4.
    pub score: i32,
    /// Another one had the same score, and this was the first.
    pub tie: bool,
}

impl Letter {
    /// Finds code and link. `run_host` is the host of the run URL, whose links are likelier.
    pub fn extract(&self, run_host: Option<&str>) -> Found {
        let pages: Vec<Page> =
            [self.html.as_deref().map(html::page), self.text.as_deref().map(Page::of_text)]
                .into_iter()
                .flatten()
                .filter(|page| !page.is_empty())
                .collect();
        // What people see is the HTML; the text beside it is asked only if that says nothing.
        let code = if pages.is_empty() {
            codes::best(&self.subject, &Page::default())
        } else {
            pages.iter().find_map(|page| codes::best(&self.subject, page))
        };
        let link = pages.iter().find_map(|page| links::best(page, run_host));
        Found { code, link }
    }

    /// What a person would read: the text, else the words of the HTML.
    pub fn body(&self) -> String {
        match (&self.text, &self.html) {
            (Some(text), _) if !text.trim().is_empty() => text.trim().to_owned(),
            (_, Some(html)) => html::page(html).to_string(),
            (_, None) => String::new(),
        }
    }
}

/// Candidates with their scores to the best one: the score must reach `threshold`, the first of the
/// best wins, and the last value tells whether there was another one that `differs` from it.
fn winner<T>(
    scored: Vec<(T, i32)>,
    threshold: i32,
    differs: impl Fn(&T, &T) -> bool,
) -> Option<(T, i32, bool)> {
    let best = scored.iter().map(|(_, score)| *score).max().filter(|best| *best >= threshold)?;
    let mut top = scored.into_iter().filter(|(_, score)| *score == best).map(|(one, _)| one);
    let first = top.next()?;
    let tie = top.any(|other| differs(&first, &other));
    Some((first, best, tie))
}

#[cfg(test)]
mod tests;
