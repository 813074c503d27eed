//! Trees for tests, written by hand.

use super::{Tree, parse};

/// The tree of records as in [`super`], with `|` between fields, `~` between items, `^` inside one.
/// `0|button|3|1|Save` is a visible, interactive button with ref e1.
pub(crate) fn tree(records: &[&str]) -> Tree {
    page("10x10|10x10|0,0", records)
}

/// The same with the sizes of page and viewport and how far it is scrolled.
pub(crate) fn page(sizes: &str, records: &[&str]) -> Tree {
    let mut walk = format!("HB1|1|9|u|t|o|{sizes};");
    for record in records {
        walk.push_str(record);
        walk.push(';');
    }
    let walk = walk
        .replace('|', "\u{1f}")
        .replace(';', "\u{1e}")
        .replace('~', "\u{1d}")
        .replace('^', "\u{1c}");
    Tree::stitch(parse("", &walk).unwrap(), Vec::new())
}
