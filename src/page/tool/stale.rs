//! What is said of a ref that no longer means what it was printed as (snapshot.md 1.9).

use serde_json::json;

use crate::page::{
    Page,
    cdp::CdpError,
    reader::{Called, Known},
    snapshot::{NodeId, Tree},
    tool::{Code, Failed, Subject},
    view::{Element, View},
};

/// How many elements are told that a stale ref may have meant.
const CANDIDATES: usize = 10;

impl Page {
    /// An element that this call found by itself: no reader was told of its ref.
    pub(super) async fn found(&self, element: &Element) -> Result<Subject, CdpError> {
        let reference = element.reference();
        let of = reference.clone();
        self.browser.with(move |state| state.reader.found(of)).await?;
        Ok(Subject::of(reference))
    }

    /// The failure for a ref: what it was, who is called so now, and what its element is called now.
    pub(super) async fn stale(&self, reference: &str) -> Failed {
        match self.look_for(reference).await {
            Ok(failed) => failed,
            // The page cannot be looked at just now: then that much is true.
            Err(_) => told(reference, None, &[], None),
        }
    }

    async fn look_for(&self, reference: &str) -> Result<Failed, CdpError> {
        let of = reference.to_owned();
        let was = match self.browser.with(move |state| state.reader.known(&of)).await? {
            Known::As(called) => Some(called),
            Known::Own | Known::Never => None,
        };
        let view = View::take(&self.browser).await?;
        let now = view.tree.by_reference(reference);
        let mut lines = Vec::new();
        for id in was.iter().flat_map(|was| so_called(&view.tree, was)).take(CANDIDATES) {
            if let Some(reference) = view.name(&self.browser, id).await? {
                lines.push(line(&view.tree, id, &reference));
            }
        }
        let now = match now {
            Some(id) => {
                view.name(&self.browser, id).await?.map(|given| line(&view.tree, id, &given))
            }
            None => None,
        };
        Ok(told(reference, was.as_ref(), &lines, now.as_deref()))
    }
}

/// The elements with this role and name, in tree order.
fn so_called<'a>(tree: &'a Tree, was: &'a Called) -> impl Iterator<Item = NodeId> + 'a {
    tree.ids().filter(|id| {
        let node = tree.node(*id);
        !node.is_text() && node.role == was.role && node.name == was.name
    })
}

fn line(tree: &Tree, id: NodeId, reference: &str) -> String {
    let line = tree.line(id);
    if tree.reference(id).is_some() { line } else { format!("{line} [ref={reference}]") }
}

fn told(reference: &str, was: Option<&Called>, candidates: &[String], now: Option<&str>) -> Failed {
    let was = was.map(|was| match was.name.as_str() {
        "" => was.role.clone(),
        name => format!("{} \"{name}\"", was.role),
    });
    let mut message = match (&was, now) {
        (Some(was), Some(_)) => format!("{reference} was {was} when it was last printed"),
        (Some(was), None) => format!("{reference}, {was}, is no longer on the page"),
        (None, _) => format!("{reference} was not printed to you, or long ago"),
    };
    if !candidates.is_empty() {
        message.push_str("; so called now: ");
        message.push_str(&candidates.join("; "));
    }
    match now {
        Some(now) => {
            message.push_str("; at that ref there is now ");
            message.push_str(now);
        }
        None if candidates.is_empty() => message.push_str("; take a new snapshot"),
        None => {}
    }
    let data = json!({"ref": reference, "was": was, "candidates": candidates, "now": now});
    Failed::new(Code::StaleRef, message).with(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::snapshot::fixture::tree;

    fn button(name: &str) -> Called {
        Called { role: "button".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn who_is_called_so_is_told_and_nobody_else() {
        let tree = tree(&[
            "0|button|3|1|Save",
            "0|link|3|2|Save",
            "0|button|3|3|Saved",
            "0|button|3|4|Save",
        ]);
        let found: Vec<_> =
            so_called(&tree, &button("Save")).filter_map(|id| tree.reference(id)).collect();
        assert_eq!(found, ["e1", "e4"]);
    }

    #[test]
    fn the_message_says_what_the_ref_was_who_is_so_called_and_what_is_there_now() {
        let save = button("Save");
        let line = "button \"Save\" [ref=e9]".to_owned();
        let failed = told("e1", Some(&save), &[line], Some("button \"Saved\" [ref=e1]"));
        assert_eq!(
            failed.message,
            "e1 was button \"Save\" when it was last printed; so called now: button \"Save\" \
             [ref=e9]; at that ref there is now button \"Saved\" [ref=e1]"
        );
        let gone = told("e1", Some(&save), &[], None).message;
        assert_eq!(gone, "e1, button \"Save\", is no longer on the page; take a new snapshot");
        let never = told("e7", None, &[], None).message;
        assert_eq!(never, "e7 was not printed to you, or long ago; take a new snapshot");
    }
}
