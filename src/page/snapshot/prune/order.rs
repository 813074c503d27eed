//! What is cut first (pure): the steps of each stage, in order.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::page::snapshot::{
    Rect, Shown,
    find::{UNIT, UNITS},
    shown::Entry,
};

/// Siblings of one shape of which more are folded.
const ALIKE: usize = 10;
/// As few selected ones among siblings of one shape stay.
const FEW: usize = 3;
/// As many siblings beyond the viewport are announced.
const RUN: usize = 3;

/// Stages of snapshot.md 3.1, the fifth in two parts.
pub(super) const STAGES: usize = 6;

/// Roles that go last, with all that is in them.
const LAST: &[&str] = &["heading", "dialog", "alertdialog", "alert", "status"];

/// Marks that differ between things of one kind.
const STATES: &[&str] = &[
    "checked",
    "disabled",
    "expanded",
    "collapsed",
    "active",
    "invalid",
    "pressed",
    "selected",
    "current",
    "covered",
    "unseen",
    "inert",
    "aria-hidden",
    "error",
    "hint",
    "description",
    "placeholder",
];

/// One cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// This line, once nothing below it is printed.
    Cut(usize),
    /// This line with all that is below it.
    Fold {
        /// The line.
        top: usize,
        /// Where its sub-tree ends.
        end: usize,
    },
    /// This line becomes shorter.
    Shorten(usize),
}

/// What is known of a line's place and kind.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
struct Known {
    shape: u64,
    /// How far the nearest of its sub-tree is out of sight, in CSS pixels.
    out: f64,
    /// How far the nearest of its sub-tree is from where things happen.
    away: f64,
    side: Option<Side>,
    /// It, or something in it, is active, acted on, invalid or expanded.
    vivid: bool,
    /// It, or something in it, can be acted on.
    acts: bool,
    /// It can be acted on.
    control: bool,
    /// It is in something that can be acted on.
    held: bool,
    /// It goes last.
    last: bool,
    /// Something in it goes last.
    holds_last: bool,
    /// It, or something in it, is selected or checked.
    selected: bool,
    only_contains: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

/// What is known of all lines.
pub(super) struct Layout {
    known: Vec<Known>,
}

impl Layout {
    pub(super) fn of(shown: &Shown, acted: Option<&str>) -> Self {
        let lines = &shown.lines;
        let is_acted = |entry: &Entry| acted.is_some() && entry.reference.as_deref() == acted;
        // Without a place of its own something is where its parent is.
        let mut places: Vec<Option<(Rect, f64)>> = Vec::with_capacity(lines.len());
        for entry in lines {
            let above = entry.parent.and_then(|at| places.get(at).copied().flatten());
            places.push(entry.place.map(|place| (place, entry.beyond)).or(above));
        }
        let of = |at: usize| places.get(at).copied().flatten().map(|(place, _)| place);
        let beyond = |at: usize| places.get(at).copied().flatten().map_or(0.0, |(_, far)| far);
        let (w, h) = shown.viewport;
        let focus = lines
            .iter()
            .position(is_acted)
            .or_else(|| lines.iter().position(|entry| entry.mark("active").is_some()))
            .and_then(of)
            .map_or((w / 2.0, h / 2.0), |place| (place.x + place.w / 2.0, place.y + place.h / 2.0));
        let sight = Rect { x: 0.0, y: 0.0, w, h };
        let point = Rect { x: focus.0, y: focus.1, w: 0.0, h: 0.0 };

        let mut known: Vec<Known> = Vec::with_capacity(lines.len());
        for (at, entry) in lines.iter().enumerate() {
            let above = entry.parent.and_then(|at| known.get(at).copied()).unwrap_or_default();
            let place = of(at);
            let vivid = ["active", "invalid", "expanded"].iter().any(|m| entry.mark(m).is_some());
            let acted = is_acted(entry);
            let last = above.last
                || LAST.contains(&entry.role)
                || acted
                || ["invalid", "modal", "active"].iter().any(|mark| entry.mark(mark).is_some());
            known.push(Known {
                shape: 0,
                out: place.map_or(0.0, |place| place.distance(sight)).max(beyond(at)),
                away: place.map_or(0.0, |place| place.distance(point)),
                side: if shown.scrolls { place.and_then(|place| side(place, h)) } else { None },
                vivid: vivid || acted,
                acts: entry.interactive,
                control: entry.interactive,
                held: above.held || above.control,
                last,
                holds_last: last,
                selected: entry.mark("selected").is_some() || entry.mark("checked").is_some(),
                only_contains: !entry.interactive && !last && entry.text.is_empty(),
            });
        }
        fold(lines, &mut known);
        units(lines, &mut known);
        Self { known }
    }

    fn known(&self, at: usize) -> Known {
        self.known.get(at).copied().unwrap_or_default()
    }

    /// Whether a line says nothing once all that was in it is gone.
    pub(super) fn only_contains(&self, at: usize) -> bool {
        self.known(at).only_contains
    }

    /// Whether it can be acted on.
    pub(super) fn acts(&self, at: usize) -> bool {
        self.known(at).control
    }

    /// Whether all are of one shape.
    pub(super) fn alike(&self, lines: &[usize]) -> bool {
        let mut shapes = lines.iter().map(|at| self.known(*at).shape);
        let first = shapes.next();
        shapes.all(|shape| Some(shape) == first)
    }

    /// Whether these siblings begin with a run beyond the viewport that is worth a note: where it
    /// is, and how many they are.
    pub(super) fn run(&self, siblings: &[usize]) -> (Option<&'static str>, usize) {
        let side = |at: &usize| self.known(*at).side;
        let Some(first) = siblings.first().and_then(side) else { return (None, 0) };
        let count = siblings.iter().take_while(|at| side(at) == Some(first)).count();
        let word = match first {
            Side::Above => "above",
            Side::Below => "below",
        };
        if count < RUN { (None, 0) } else { (Some(word), count) }
    }

    /// The steps of a stage, the first ones to be made first.
    pub(super) fn stage(&self, shown: &Shown, stage: usize, alive: &[bool]) -> Vec<Step> {
        let lines: Vec<usize> =
            (0..shown.lines.len()).filter(|at| alive.get(*at) == Some(&true)).collect();
        let all = |wanted: &dyn Fn(&Known) -> bool, far: &dyn Fn(&Known) -> f64| {
            let mut found: Vec<usize> =
                lines.iter().copied().filter(|at| wanted(&self.known(*at))).collect();
            self.farthest_first(&mut found, far);
            found
        };
        let cut = |found: Vec<usize>| found.into_iter().map(Step::Cut).collect();
        let out = |known: &Known| known.out;
        let away = |known: &Known| known.away;
        match stage {
            0 => {
                let end = |top: usize| shown.lines.get(top).map_or(top, |entry| entry.end);
                let found = self.repeated(shown, alive).into_iter();
                found.map(|top| Step::Fold { top, end: end(top) }).collect()
            }
            1 => all(&|_| true, &out).into_iter().map(Step::Shorten).collect(),
            2 => cut(all(&|one| one.out > 0.0 && !one.acts && !one.held && !one.holds_last, &out)),
            3 => cut(all(&|one| one.out > 0.0 && !one.last, &out)),
            4 => cut(all(&|one| !one.last, &away)),
            _ => cut(all(&|_| true, &away)),
        }
    }

    /// Of lines equally far away the later go first, and so children before their parents.
    fn farthest_first(&self, lines: &mut [usize], far: &dyn Fn(&Known) -> f64) {
        lines.sort_by(|a, b| {
            far(&self.known(*b)).total_cmp(&far(&self.known(*a))).then_with(|| b.cmp(a))
        });
    }

    /// Siblings of one shape beyond the tenth, the farthest first.
    fn repeated(&self, shown: &Shown, alive: &[bool]) -> Vec<usize> {
        let mut found = Vec::new();
        let parents = (0..shown.lines.len()).map(Some).chain([None]);
        for parent in parents {
            let children: Vec<usize> =
                shown.children(parent).filter(|at| alive.get(*at) == Some(&true)).collect();
            for run in children.chunk_by(|a, b| self.known(*a).shape == self.known(*b).shape) {
                if run.len() > ALIKE {
                    self.surplus(run, &mut found);
                }
            }
        }
        self.farthest_first(&mut found, &|known| known.out);
        found
    }

    fn surplus(&self, run: &[usize], found: &mut Vec<usize>) {
        let mut nearest = run.to_vec();
        nearest.sort_by(|a, b| {
            self.known(*a).out.total_cmp(&self.known(*b).out).then_with(|| a.cmp(b))
        });
        let selected = run.iter().filter(|at| self.known(**at).selected).count();
        found.extend(nearest.into_iter().skip(ALIKE).filter(|at| {
            let known = self.known(*at);
            let stays = known.vivid || (known.selected && selected <= FEW);
            !stays
        }));
    }
}

/// From the leaves up: shapes, and what holds for something in a sub-tree.
fn fold(lines: &[Entry], known: &mut [Known]) {
    let mut shapes: Vec<DefaultHasher> = lines.iter().map(own_shape).collect();
    for at in (0..lines.len()).rev() {
        let shape = shapes.get(at).map_or(0, DefaultHasher::finish);
        if let Some(known) = known.get_mut(at) {
            known.shape = shape;
        }
        let Some(one) = known.get(at).copied() else { continue };
        let Some(above) = lines.get(at).and_then(|entry| entry.parent) else { continue };
        if let Some(hasher) = shapes.get_mut(above) {
            shape.hash(hasher);
        }
        if let Some(above) = known.get_mut(above) {
            above.out = above.out.min(one.out);
            above.away = above.away.min(one.away);
            above.vivid |= one.vivid;
            above.selected |= one.selected;
            above.acts |= one.acts;
            above.holds_last |= one.holds_last;
        }
    }
}

/// A row or an item goes as a whole: its text is what tells its controls from others.
fn units(lines: &[Entry], known: &mut [Known]) {
    let mut end = 0;
    for (at, entry) in lines.iter().enumerate() {
        if at < end || !UNITS.contains(&entry.role) || entry.end - at > UNIT {
            continue;
        }
        end = entry.end;
        let Some(unit) = known.get(at).copied() else { continue };
        for part in known.get_mut(at..end).into_iter().flatten() {
            part.out = unit.out;
            part.away = unit.away;
            part.acts = unit.acts;
            part.holds_last = unit.holds_last;
        }
    }
}

/// Role and marks, without what differs between things of one kind.
fn own_shape(entry: &Entry) -> DefaultHasher {
    let mut hasher = DefaultHasher::new();
    entry.role.hash(&mut hasher);
    entry.heads.hash(&mut hasher);
    for mark in entry.marks.iter().filter(|mark| !STATES.contains(&mark.key.as_str())) {
        mark.key.hash(&mut hasher);
    }
    hasher
}

fn side(place: Rect, height: f64) -> Option<Side> {
    if place.y >= height {
        Some(Side::Below)
    } else if place.y + place.h <= 0.0 {
        Some(Side::Above)
    } else {
        None
    }
}
