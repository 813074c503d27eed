//! Which roles a noun or a verb stands for (agent.md 3.1 and 3.4, rule 1).

use crate::page::{
    snapshot::{NodeId, Tree, flag},
    target::{Among, RoleNoun},
};

impl RoleNoun {
    /// The roles that this noun stands for. [`RoleNoun::Element`] stands for any, and
    /// [`RoleNoun::Field`] for whatever takes text, which its role alone does not tell.
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Button => &["button"],
            Self::Link => &["link"],
            Self::Tab => &["tab"],
            Self::MenuItem => &["menuitem", "menuitemcheckbox", "menuitemradio"],
            Self::Menu => &["menu", "menubar"],
            Self::Checkbox => &["checkbox", "menuitemcheckbox"],
            Self::Switch => &["switch"],
            Self::Radio => &["radio", "menuitemradio"],
            Self::Option => &["option"],
            Self::Image => &["img", "graphics-symbol", "graphics-document", "canvas"],
            Self::Canvas => &["canvas"],
            Self::Heading => &["heading"],
            Self::Slider => &["slider"],
            Self::Row => &["row"],
            Self::Cell => &["cell", "gridcell", "rowheader", "columnheader"],
            Self::Column => &["columnheader"],
            Self::Item => &["listitem", "treeitem"],
            Self::List => &["list"],
            Self::Table => &["table", "grid", "treegrid"],
            Self::Dialog => &["dialog", "alertdialog"],
            Self::Alert => &["alert", "status", "alertdialog", "log"],
            Self::Form => &["form", "search"],
            Self::Section => &[
                "region",
                "group",
                "radiogroup",
                "tabpanel",
                "article",
                "complementary",
                "feed",
                "figure",
            ],
            Self::Navigation => &["navigation"],
            Self::Header => &["banner"],
            Self::Footer => &["contentinfo"],
            Self::Main => &["main"],
            Self::SearchBox => &["searchbox"],
            Self::Dropdown => &["combobox", "listbox"],
            Self::Element | Self::Field => &[],
        }
    }

    /// As people say it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Link => "link",
            Self::Tab => "tab",
            Self::MenuItem => "menu item",
            Self::Menu => "menu",
            Self::Checkbox => "checkbox",
            Self::Switch => "switch",
            Self::Radio => "radio button",
            Self::Option => "option",
            Self::Image => "image",
            Self::Canvas => "canvas",
            Self::Heading => "heading",
            Self::Slider => "slider",
            Self::Row => "row",
            Self::Cell => "cell",
            Self::Column => "column",
            Self::Item => "item",
            Self::List => "list",
            Self::Table => "table",
            Self::Dialog => "dialog",
            Self::Alert => "alert",
            Self::Form => "form",
            Self::Section => "section",
            Self::Navigation => "navigation",
            Self::Header => "header",
            Self::Footer => "footer",
            Self::Main => "main",
            Self::Element => "element",
            Self::Field => "field",
            Self::SearchBox => "search box",
            Self::Dropdown => "dropdown",
        }
    }
}

/// Whether a node is what a noun says.
pub(crate) fn is_a(tree: &Tree, id: NodeId, noun: RoleNoun) -> bool {
    let node = tree.node(id);
    if noun.roles().contains(&node.role) {
        return true;
    }
    match noun {
        RoleNoun::Element => true,
        RoleNoun::Field => takes_text(tree, id),
        RoleNoun::SearchBox => {
            takes_text(tree, id)
                && tree.ancestors(id).any(|above| tree.node(above).role == "search")
        }
        // Without an author's name these have no role, but people call them so.
        RoleNoun::Form => node.is(flag::FORM),
        RoleNoun::Section => node.is(flag::SECTION),
        RoleNoun::Button
        | RoleNoun::Link
        | RoleNoun::Tab
        | RoleNoun::MenuItem
        | RoleNoun::Menu
        | RoleNoun::Checkbox
        | RoleNoun::Switch
        | RoleNoun::Radio
        | RoleNoun::Option
        | RoleNoun::Image
        | RoleNoun::Canvas
        | RoleNoun::Heading
        | RoleNoun::Slider
        | RoleNoun::Row
        | RoleNoun::Cell
        | RoleNoun::Column
        | RoleNoun::Item
        | RoleNoun::List
        | RoleNoun::Table
        | RoleNoun::Dialog
        | RoleNoun::Alert
        | RoleNoun::Navigation
        | RoleNoun::Header
        | RoleNoun::Footer
        | RoleNoun::Main
        | RoleNoun::Dropdown => false,
    }
}

/// Whether a verb without a noun may mean a node.
pub(crate) fn is_among(tree: &Tree, id: NodeId, among: Among) -> bool {
    let node = tree.node(id);
    let is = |roles: &[&str]| roles.contains(&node.role);
    match among {
        Among::Clickable => node.is_interactive(),
        Among::TextFields => takes_text(tree, id),
        Among::Choosers => is(&["combobox", "listbox", "radiogroup"]),
        Among::Choices => is(&[
            "option",
            "radio",
            "tab",
            "menuitem",
            "menuitemcheckbox",
            "menuitemradio",
            "treeitem",
        ]),
        Among::Checkables => {
            is(&["checkbox", "switch", "radio", "menuitemcheckbox", "menuitemradio"])
        }
        Among::FileInputs => takes_files(tree, id),
        Among::Anything => true,
    }
}

pub(crate) fn takes_files(tree: &Tree, id: NodeId) -> bool {
    tree.node(id).mark("type") == Some(Some("file"))
}

fn takes_text(tree: &Tree, id: NodeId) -> bool {
    tree.node(id).is(flag::TAKES_TEXT)
}
