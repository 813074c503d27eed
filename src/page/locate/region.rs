//! Where to look (agent.md 3.4, rule 2): `in the "Cart" section`, `in row "Ada"`, `in the dialog`.

use super::{names, roles};
use crate::page::{
    snapshot::{NodeId, Tree, flag, text::norm},
    target::{Region, RoleNoun},
};

/// What counts as a region if no noun says so.
const REGIONS: &[&str] = &[
    "banner",
    "complementary",
    "contentinfo",
    "form",
    "main",
    "navigation",
    "region",
    "search",
    "dialog",
    "alertdialog",
    "group",
    "radiogroup",
    "tabpanel",
    "article",
    "table",
    "grid",
    "treegrid",
    "list",
    "listbox",
    "menu",
    "tree",
    "toolbar",
    "row",
    "listitem",
    "treeitem",
    "figure",
    "feed",
];
/// Of these the text counts as well.
const BY_TEXT: &[&str] = &["row", "listitem", "treeitem"];
/// A heading belongs to the innermost of these around it.
const HEADED: &[&str] = &[
    "banner",
    "complementary",
    "contentinfo",
    "form",
    "main",
    "navigation",
    "region",
    "search",
    "dialog",
    "alertdialog",
    "group",
    "radiogroup",
    "tabpanel",
    "article",
    "figure",
    "listitem",
];

/// The sub-trees in which to look.
#[derive(Debug)]
pub(crate) struct Scope {
    /// `None` is the whole page.
    tops: Option<Vec<NodeId>>,
}

/// A region that is not there.
#[derive(Debug)]
pub(crate) struct Missing {
    /// As typed: `the "Cart" section`.
    pub(crate) label: String,
    name: String,
    noun: Option<RoleNoun>,
}

impl Scope {
    /// Whether a node is inside: below one of the regions, not the region itself.
    pub(crate) fn holds(&self, tree: &Tree, id: NodeId) -> bool {
        self.tops
            .as_ref()
            .is_none_or(|tops| tops.iter().any(|top| *top != id && tree.is_within(id, *top)))
    }
}

/// Resolves `in … in …`, given innermost first.
pub(crate) fn scope(tree: &Tree, within: &[Region]) -> Result<Scope, Missing> {
    let mut scope = Scope { tops: None };
    for region in within.iter().rev() {
        let tops = resolve(tree, &scope, region);
        if tops.is_empty() {
            return Err(missing(region));
        }
        scope = Scope { tops: Some(tops) };
    }
    Ok(scope)
}

fn missing(region: &Region) -> Missing {
    match region {
        Region::The(noun) => Missing {
            label: format!("the {}", noun.word()),
            name: String::new(),
            noun: Some(*noun),
        },
        Region::Named { role, name } => Missing {
            label: match role {
                Some(noun) => format!("the {:?} {}", name.shown(), noun.word()),
                None => format!("{:?}", name.shown()),
            },
            name: norm(name.expose()),
            noun: *role,
        },
    }
}

/// What the page has instead of a missing region.
pub(super) fn closest(tree: &Tree, missing: &Missing) -> Vec<String> {
    let regions = candidates(tree, &Scope { tops: None }, missing.noun);
    names::closest(regions.into_iter().flat_map(|id| called(tree, id).spoken), &missing.name)
}

fn candidates(tree: &Tree, scope: &Scope, noun: Option<RoleNoun>) -> Vec<NodeId> {
    tree.ids()
        .filter(|id| !tree.node(*id).is_text() && tree.node(*id).is_visible())
        .filter(|id| match noun {
            Some(noun) => roles::is_a(tree, *id, noun),
            None => is_region(tree, *id),
        })
        .filter(|id| scope.holds(tree, *id))
        .collect()
}

fn resolve(tree: &Tree, scope: &Scope, region: &Region) -> Vec<NodeId> {
    let found = match region {
        Region::The(noun) => candidates(tree, scope, Some(*noun)),
        Region::Named { role, name } => {
            let pool = candidates(tree, scope, *role);
            names::best(&pool, &norm(name.expose()), |id| called(tree, id))
        }
    };
    let outer = |id: &NodeId| found.iter().any(|other| other != id && tree.is_within(*other, *id));
    found.iter().copied().filter(|id| !outer(id)).collect()
}

fn is_region(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    REGIONS.contains(&node.role) || node.is(flag::FORM) || node.is(flag::SECTION)
}

fn is_headed(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    HEADED.contains(&node.role) || node.is(flag::FORM) || node.is(flag::SECTION)
}

/// What a region is called: its name, its heading, for rows and items its text.
fn called(tree: &Tree, id: NodeId) -> names::Names {
    let node = tree.node(id);
    if BY_TEXT.contains(&node.role) || !is_region(tree, id) {
        return names::names_of(tree, id);
    }
    let mut names = names::Names::default();
    if !node.name.is_empty() {
        names.spoken.push(node.name.clone());
    }
    if let Some(heading) = heading(tree, id) {
        names.spoken.push(heading);
    }
    names
}

/// The first heading that belongs to a region and to none inside it.
fn heading(tree: &Tree, id: NodeId) -> Option<String> {
    if !is_headed(tree, id) {
        return None;
    }
    tree.subtree(id)
        .skip(1)
        .filter(|below| tree.node(*below).role == "heading" && tree.node(*below).is_visible())
        .find(|below| tree.ancestors(*below).find(|above| is_headed(tree, *above)) == Some(id))
        .map(|below| {
            let name = &tree.node(below).name;
            if name.is_empty() { names::subtree_text(tree, below) } else { name.clone() }
        })
}

/// The nearest region that has a name, as told beside a candidate: `form "Login"`.
pub(super) fn around(tree: &Tree, id: NodeId) -> String {
    const LONGEST: usize = 60;
    tree.ancestors(id)
        .filter(|above| is_region(tree, *above))
        .find_map(|above| {
            let name = called(tree, above).spoken.into_iter().next()?;
            let end = name.floor_char_boundary(LONGEST);
            let node = tree.node(above);
            let role = match node.role {
                "generic" if node.is(flag::FORM) => "form",
                "generic" => "section",
                role => role,
            };
            Some(format!("{role} {:?}", name.get(..end).unwrap_or_default()))
        })
        .unwrap_or_default()
}
