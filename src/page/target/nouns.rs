//! The grammar's nouns and how they are spelled (agent.md 3.1, role).

use super::RoleNoun;
use crate::page::words::{Cursor, tokens};

/// Every spelling. Those of more words come first, so that a `list item` is no `list`.
const SPELLINGS: [(&str, RoleNoun); 58] = [
    ("menu item", RoleNoun::MenuItem),
    ("radio button", RoleNoun::Radio),
    ("list item", RoleNoun::Item),
    ("text box", RoleNoun::Field),
    ("search box", RoleNoun::SearchBox),
    ("list box", RoleNoun::Dropdown),
    ("button", RoleNoun::Button),
    ("link", RoleNoun::Link),
    ("tab", RoleNoun::Tab),
    ("menuitem", RoleNoun::MenuItem),
    ("menu", RoleNoun::Menu),
    ("checkbox", RoleNoun::Checkbox),
    ("box", RoleNoun::Checkbox),
    ("switch", RoleNoun::Switch),
    ("toggle", RoleNoun::Switch),
    ("radio", RoleNoun::Radio),
    ("option", RoleNoun::Option),
    ("image", RoleNoun::Image),
    ("icon", RoleNoun::Image),
    ("picture", RoleNoun::Image),
    ("canvas", RoleNoun::Canvas),
    ("heading", RoleNoun::Heading),
    ("slider", RoleNoun::Slider),
    ("row", RoleNoun::Row),
    ("cell", RoleNoun::Cell),
    ("column", RoleNoun::Column),
    ("item", RoleNoun::Item),
    ("list", RoleNoun::List),
    ("table", RoleNoun::Table),
    ("grid", RoleNoun::Table),
    ("dialog", RoleNoun::Dialog),
    ("modal", RoleNoun::Dialog),
    ("popup", RoleNoun::Dialog),
    ("alert", RoleNoun::Alert),
    ("toast", RoleNoun::Alert),
    ("message", RoleNoun::Alert),
    ("notification", RoleNoun::Alert),
    ("form", RoleNoun::Form),
    ("section", RoleNoun::Section),
    ("region", RoleNoun::Section),
    ("panel", RoleNoun::Section),
    ("group", RoleNoun::Section),
    ("navigation", RoleNoun::Navigation),
    ("header", RoleNoun::Header),
    ("footer", RoleNoun::Footer),
    ("main", RoleNoun::Main),
    ("element", RoleNoun::Element),
    ("field", RoleNoun::Field),
    ("input", RoleNoun::Field),
    ("textbox", RoleNoun::Field),
    ("textarea", RoleNoun::Field),
    ("searchbox", RoleNoun::SearchBox),
    ("dropdown", RoleNoun::Dropdown),
    ("select", RoleNoun::Dropdown),
    ("combobox", RoleNoun::Dropdown),
    ("combo box", RoleNoun::Dropdown),
    ("listbox", RoleNoun::Dropdown),
    ("listitem", RoleNoun::Item),
];

impl RoleNoun {
    /// Past a noun in the singular.
    pub(super) fn read(at: Cursor<'_>) -> Option<(Self, Cursor<'_>)> {
        at.one_of(&SPELLINGS)
    }

    /// Past a noun, singular or plural, as it is counted: `3 rows`, `2 checkboxes`, `1 entry`.
    pub(crate) fn read_counted(at: Cursor<'_>) -> Option<(Self, Cursor<'_>)> {
        let plural = SPELLINGS.iter().find_map(|(singular, noun)| {
            let forms = [format!("{singular}s"), format!("{singular}es")];
            forms.iter().find_map(|form| Some((*noun, at.phrase(&[form])?)))
        });
        plural.or_else(|| Self::read(at))
    }

    /// The noun that is meant by a word, singular or plural: also an ARIA role that is called so.
    pub fn called(word: &str) -> Option<Self> {
        let tokens = tokens(word);
        let (noun, rest) = Self::read_counted(Cursor::new(&tokens))?;
        rest.is_end().then_some(noun)
    }

    /// How messages call it.
    pub fn name(self) -> &'static str {
        match self {
            // `list item` and `text box` are the longer spellings; `item` and `field` are said.
            Self::Item => "item",
            Self::Field => "field",
            Self::Dropdown => "dropdown",
            Self::Radio => "radio",
            Self::Button
            | Self::Link
            | Self::Tab
            | Self::MenuItem
            | Self::Menu
            | Self::Checkbox
            | Self::Switch
            | Self::Option
            | Self::Image
            | Self::Canvas
            | Self::Heading
            | Self::Slider
            | Self::Row
            | Self::Cell
            | Self::Column
            | Self::List
            | Self::Table
            | Self::Dialog
            | Self::Alert
            | Self::Form
            | Self::Section
            | Self::Navigation
            | Self::Header
            | Self::Footer
            | Self::Main
            | Self::Element
            | Self::SearchBox => {
                SPELLINGS.iter().find(|(_, noun)| *noun == self).map_or("element", |(name, _)| name)
            }
        }
    }

    /// What takes text or a choice: the nouns of fields.
    pub(crate) fn is_field(self) -> bool {
        matches!(self, Self::Field | Self::SearchBox | Self::Dropdown)
    }

    /// What contains others: the nouns of regions.
    pub(crate) fn is_region(self) -> bool {
        matches!(
            self,
            Self::Dialog
                | Self::Alert
                | Self::Form
                | Self::Section
                | Self::Table
                | Self::List
                | Self::Row
                | Self::Item
                | Self::Navigation
                | Self::Header
                | Self::Footer
                | Self::Main
        )
    }

    /// What may be named without a name after `in the`.
    pub(crate) fn is_unique(self) -> bool {
        matches!(
            self,
            Self::Header | Self::Footer | Self::Navigation | Self::Main | Self::Dialog | Self::Form
        )
    }
}
