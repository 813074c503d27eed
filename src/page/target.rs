//! How a person describes an element: `second "Add" button in the "Cart" section` (pure).
//! agent.md 3.1, symbol T; what it matches is in `locate`.

mod grammar;
mod nouns;

use crate::page::Text;

/// A described element.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Target {
    /// Its ref in a tree that was shown; then nothing else counts. No sentence has one.
    pub reference: Option<String>,
    /// `second`, `last`.
    pub ordinal: Option<Ordinal>,
    /// `button`, `dropdown`.
    pub role: Option<RoleNoun>,
    /// The quoted or spoken name.
    pub name: Option<Text>,
    /// `in …`, innermost last typed first: `X in A in B` gives `[A, B]`.
    pub within: Vec<Region>,
    /// `near S`.
    pub near: Option<Text>,
}

/// Which of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordinal {
    /// Counted from 1.
    Nth(u32),
    /// The last one.
    Last,
}

/// A place that contains the element.
#[derive(Clone, Debug, PartialEq)]
pub enum Region {
    /// `in the "Cart" section`, `in row "Ada"`, `in "Cart"`.
    Named {
        /// The noun, if there is one.
        role: Option<RoleNoun>,
        /// Its name, heading or (rows and items) text.
        name: Text,
    },
    /// `in the header`, `in the dialog`: the only or innermost one.
    The(RoleNoun),
}

/// The nouns of the grammar. What roles each stands for is [`RoleNoun::roles`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleNoun {
    /// `button`
    Button,
    /// `link`
    Link,
    /// `tab`
    Tab,
    /// `menu item`
    MenuItem,
    /// `menu`
    Menu,
    /// `checkbox`, `box`
    Checkbox,
    /// `switch`, `toggle`
    Switch,
    /// `radio`, `radio button`
    Radio,
    /// `option`
    Option,
    /// `image`, `icon`, `picture`
    Image,
    /// `canvas`
    Canvas,
    /// `heading`
    Heading,
    /// `slider`
    Slider,
    /// `row`
    Row,
    /// `cell`
    Cell,
    /// `column`
    Column,
    /// `item`, `list item`
    Item,
    /// `list`
    List,
    /// `table`, `grid`
    Table,
    /// `dialog`, `modal`, `popup`
    Dialog,
    /// `alert`, `toast`, `message`, `notification`
    Alert,
    /// `form`
    Form,
    /// `section`, `region`, `panel`, `group`
    Section,
    /// `navigation`
    Navigation,
    /// `header`
    Header,
    /// `footer`
    Footer,
    /// `main`
    Main,
    /// `element`: any role
    Element,
    /// `field`, `input`, `text box`, `textarea`: whatever takes text
    Field,
    /// `search box`
    SearchBox,
    /// `dropdown`, `select`, `combobox`, `list box`
    Dropdown,
}

/// Which roles a verb tries for a target without a noun (agent.md 3.4, rule 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Among {
    /// Clicks: interactive roles through all levels of names, then any element by its own text.
    Clickable,
    /// A3, A4: text fields and editable regions.
    TextFields,
    /// A5: combobox, listbox, radio group.
    Choosers,
    /// A6: options, radios, tabs, menu and tree items.
    Choices,
    /// A8: checkbox, switch, radio, menu checkbox.
    Checkables,
    /// A15: file inputs, also if they are called a field.
    FileInputs,
    /// Predicates and scrolling: any element.
    Anything,
}
