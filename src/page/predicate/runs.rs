//! The text that a person can see, as runs across inline elements (pure).

use crate::page::{
    locate::Scope,
    snapshot::{Join, Node, Tree, flag},
};

/// What stands for a line break in a value.
const LINE_END: char = '⏎';

/// One run of visible text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// As in the document.
    pub(super) written: String,
    /// As `text-transform` makes it.
    rendered: String,
}

impl Run {
    /// Whether this is the whole run, as written or as rendered.
    pub(super) fn is(&self, wanted: &str) -> bool {
        self.written == wanted || self.rendered == wanted
    }

    /// Whether it is in the run. Nothing is in no run.
    pub(super) fn contains(&self, wanted: &str) -> bool {
        !wanted.is_empty() && (self.written.contains(wanted) || self.rendered.contains(wanted))
    }

    /// How often it occurs.
    pub(super) fn count(&self, wanted: &str) -> usize {
        if wanted.is_empty() {
            return 0;
        }
        self.written.matches(wanted).count().max(self.rendered.matches(wanted).count())
    }

    /// For evidence.
    pub(super) fn excerpt(&self) -> &str {
        const LONGEST: usize = 120;
        self.written.get(..self.written.floor_char_boundary(LONGEST)).unwrap_or_default()
    }
}

/// All visible text of a scope.
pub(super) fn visible(tree: &Tree, scope: &Scope) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut joined = false;
    // A break before text that is not seen is a break before what follows too.
    let mut pending = Join::Direct;
    for id in tree.ids() {
        let node = tree.node(id);
        if !node.is_text() {
            if let Some(lines) = written_in(node)
                && scope.holds(tree, id)
            {
                runs.extend(lines.map(|line| Run { written: line.into(), rendered: line.into() }));
                joined = false;
            }
            continue;
        }
        let join = wider(pending, node.join());
        if !node.is_visible() || !scope.holds(tree, id) {
            pending = join;
            joined &= scope.holds(tree, id);
            continue;
        }
        pending = Join::Direct;
        let rendered = node.rendered.as_ref().unwrap_or(&node.name);
        match runs.last_mut() {
            Some(run) if joined && join != Join::Run => {
                if join == Join::Blank {
                    run.written.push(' ');
                    run.rendered.push(' ');
                }
                run.written.push_str(&node.name);
                run.rendered.push_str(rendered);
            }
            Some(_) | None => {
                runs.push(Run { written: node.name.clone(), rendered: rendered.clone() });
            }
        }
        joined = true;
    }
    runs
}

/// The lines of an editor. What stands in it is text of the document, though its node has it as a
/// value; what stands in a form's field is not.
fn written_in(node: &Node) -> Option<impl Iterator<Item = &str>> {
    let shows = node.marked("editable") && node.is_visible() && !node.is(flag::MASKED);
    shows.then(|| node.value.split(LINE_END).map(str::trim).filter(|line| !line.is_empty()))
}

fn wider(a: Join, b: Join) -> Join {
    match (a, b) {
        (Join::Run, _) | (_, Join::Run) => Join::Run,
        (Join::Blank, _) | (_, Join::Blank) => Join::Blank,
        (Join::Direct, Join::Direct) => Join::Direct,
    }
}
