//! Hangs the trees of child frames below their frame elements (pure).

use std::collections::HashMap;

use super::{Frame, FrameTree, Join, Mark, Node, Rect, Tree, flag, record};

/// Frames below frames (snapshot.md 1.8).
pub(super) const DEPTH: usize = 10;

/// What came of a child frame.
#[derive(Clone, Debug)]
pub enum Child {
    /// Its tree.
    Loaded(Box<FrameTree>),
    /// It failed, is blocked, or did not answer in time.
    NotLoaded,
}

/// What a frame element hands down to what is in it.
#[derive(Clone, Copy)]
struct Above {
    depth: usize,
    level: usize,
    at: (f64, f64),
    /// The part of the tab that the frame is seen through; the main frame has the viewport.
    sight: Option<Rect>,
    visible: bool,
    inert: bool,
}

impl Tree {
    /// The tree of a tab: the main frame's, and each child's below the frame element with that ref
    /// (`e5`, `f1e2`). A child whose frame element is not shown is left out.
    pub fn stitch(main: FrameTree, children: Vec<(String, Child)>) -> Self {
        let mut waiting: HashMap<String, Child> = children.into_iter().collect();
        let (frames, nodes, nowhere) = (Vec::new(), Vec::new(), Node::blank());
        let mut tree = Self { frames, left_out: 0, too_deep: 0, nodes, nowhere };
        let above =
            Above { depth: 0, level: 0, at: (0.0, 0.0), sight: None, visible: true, inert: false };
        tree.hang(main, above, &mut waiting);
        record::link(&mut tree.nodes);
        tree
    }

    fn hang(&mut self, part: FrameTree, above: Above, waiting: &mut HashMap<String, Child>) {
        let FrameTree { frame, nodes } = part;
        let Frame { prefix, origin, .. } = frame.clone();
        let number = self.frames.len();
        self.frames.push(frame);
        let mut after_frame = false;
        for mut node in nodes {
            node.frame = number;
            node.depth += above.depth;
            if node.is_text() && std::mem::take(&mut after_frame) {
                node.join = Join::Run;
            }
            if let Some(place) = &mut node.place {
                place.x += above.at.0;
                place.y += above.at.1;
                node.beyond = above.sight.map_or(0.0, |sight| sight.distance(*place));
            }
            if !above.visible {
                node.bits &= !flag::VISIBLE;
            }
            if above.inert {
                node.bits |= flag::INERT;
            }
            let child = match node.number {
                Some(number) if node.is(flag::FRAME) => {
                    waiting.remove(&format!("{prefix}e{number}"))
                }
                Some(_) | None => None,
            };
            let place = node.place.unwrap_or_default();
            let below = Above {
                depth: node.depth + 1,
                level: above.level + 1,
                at: (place.x, place.y),
                sight: Some(above.sight.map_or(place, |sight| sight.common(place))),
                visible: node.is_visible(),
                inert: node.is(flag::INERT),
            };
            if let Some(Child::Loaded(tree)) = &child {
                scrolls(&mut node, &tree.frame);
            }
            match &child {
                Some(Child::Loaded(tree))
                    if tree.frame.origin != origin && below.level <= DEPTH =>
                {
                    node.marks.push(Mark {
                        key: "origin".to_owned(),
                        value: Some(tree.frame.origin.clone()),
                    });
                }
                Some(Child::NotLoaded) => {
                    node.marks.push(Mark { key: "not-loaded".to_owned(), value: None });
                }
                Some(Child::Loaded(_)) if below.level > DEPTH => {
                    self.too_deep += 1;
                    node.marks.push(Mark { key: "not-loaded".to_owned(), value: None });
                }
                Some(Child::Loaded(_)) | None => {}
            }
            self.nodes.push(node);
            if let Some(Child::Loaded(tree)) = child
                && below.level <= DEPTH
            {
                self.hang(*tree, below, waiting);
                after_frame = true;
            }
        }
    }
}

/// A frame that scrolls by more than a tenth of its size says so, as anything else that scrolls.
fn scrolls(node: &mut Node, frame: &Frame) {
    let Frame { page, viewport, scroll, .. } = frame;
    let active = node.marks.iter().take_while(|mark| mark.key == "active").count();
    for (key, at, page, viewport) in
        [("scroll-x", scroll.0, page.0, viewport.0), ("scroll", scroll.1, page.1, viewport.1)]
    {
        if page - viewport > viewport / 10 {
            let value = Some(format!("{at}/{}", page - viewport));
            node.marks.insert(active, Mark { key: key.to_owned(), value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::snapshot::parse;

    fn frame(prefix: &str, origin: &str, records: &[&str]) -> FrameTree {
        let mut walk = format!("HB1|1|9|u|t|{origin}|10x10|10x10|0,0;");
        for record in records {
            walk.push_str(record);
            walk.push(';');
        }
        parse(prefix, &walk.replace('|', "\u{1f}").replace(';', "\u{1e}")).unwrap()
    }

    #[test]
    fn frames_hang_below_their_element_and_say_where_they_are_from() {
        let main = frame("", "https://a", &["0|iframe|513|1|Pay|||100,50,300,200", "0|main|1|2"]);
        let child =
            frame("f1", "https://b", &["0|textbox|11|1|Card|||10,5,80,20", "0|iframe|515|2"]);
        let inner = frame("f2", "https://b", &["0|button|3|1|Verify"]);
        let tree = Tree::stitch(
            main,
            vec![
                ("f1e2".into(), Child::Loaded(Box::new(inner))),
                ("e1".into(), Child::Loaded(Box::new(child))),
            ],
        );
        let want = "- iframe \"Pay\" [origin=https://b] [ref=e1]\n  - textbox \"Card\" [ref=f1e1]\n  \
                    - iframe [ref=f1e2]\n    - button \"Verify\" [ref=f2e1]\n- main [ref=e2]\n";
        assert_eq!(tree.print(), want);
        let card = tree.by_reference("f1e1").unwrap();
        assert_eq!(tree.node(card).place, Some(Rect { x: 110.0, y: 55.0, w: 80.0, h: 20.0 }));
    }

    #[test]
    fn what_is_scrolled_out_of_sight_in_a_frame_is_out_of_sight() {
        let main = frame("", "o", &["0|iframe|513|1|A|||100,50,300,200"]);
        let mut child = frame(
            "f1",
            "o",
            &["0|button|3|1|Here|||0,150,80,20", "0|button|3|2|There|||0,400,80,20"],
        );
        (child.frame.page, child.frame.viewport) = ((300, 1000), (300, 200));
        child.frame.scroll = (0, 30);
        let tree = Tree::stitch(main, vec![("e1".into(), Child::Loaded(Box::new(child)))]);
        let beyond = |reference| tree.node(tree.by_reference(reference).unwrap()).beyond;
        assert!(beyond("f1e1") == 0.0 && (beyond("f1e2") - 200.0).abs() < 0.1);
        assert!(
            tree.print().starts_with("- iframe \"A\" [scroll=30/800] [ref=e1]"),
            "{}",
            tree.print()
        );
    }

    #[test]
    fn frames_that_are_left_out_are_told() {
        let mut children = Vec::new();
        let mut last = "e1".to_owned();
        for number in 1..=13 {
            let prefix = format!("f{number}");
            let inner = frame(&prefix, "https://a", &["0|iframe|513|1|In"]);
            children.push((last, Child::Loaded(Box::new(inner))));
            last = format!("{prefix}e1");
        }
        let mut tree = Tree::stitch(frame("", "https://a", &["0|iframe|513|1|In"]), children);
        assert_eq!(tree.frames().len(), 1 + DEPTH);
        tree.leave_out(5);
        let printed = tree.shown(&str::to_owned).prune(8000, None).text;
        let first: Vec<&str> = printed.lines().take(2).collect();
        assert_eq!(
            first,
            [
                "- … 5 frames are left out: a page has 60 of them at most here",
                "- … frames in 1 frame are left out: 10 deep is the most here",
            ]
        );
        assert!(printed.contains("- iframe \"In\" [not-loaded] [ref=f10e1]"), "{printed}");
    }

    #[test]
    fn what_is_in_an_invisible_frame_is_invisible_and_a_lost_frame_is_marked() {
        let main = frame("", "o", &["0|iframe|512|1|A", "0|iframe|513|2|B"]);
        let child = frame("f1", "o", &["0|button|3|1|Go"]);
        let tree = Tree::stitch(
            main,
            vec![("e1".into(), Child::Loaded(Box::new(child))), ("e2".into(), Child::NotLoaded)],
        );
        assert!(!tree.node(tree.by_reference("f1e1").unwrap()).is_visible());
        assert!(tree.print().contains("- iframe \"B\" [not-loaded] [ref=e2]"));
    }
}
