//! Every tool with its parameters, in the order in which they are offered.

use super::{Beyond, Kind, Parameter, Shape, Tool};

const fn needs(name: &'static str, kind: Kind, says: &'static str) -> Parameter {
    Parameter { name, required: true, kind, says }
}

const fn takes(name: &'static str, kind: Kind, says: &'static str) -> Parameter {
    Parameter { name, required: false, kind, says }
}

const fn text(most: usize) -> Kind {
    Kind::Text { least: 0, most }
}

/// Text that says something.
const fn words(most: usize) -> Kind {
    Kind::Text { least: 1, most }
}

/// A duration, a count or a size.
const fn up_to(least: i64, most: i64, usual: i64) -> Kind {
    Kind::Whole { least, most, usual: Some(usual), beyond: Beyond::Clamped }
}

const fn pixels(usual: Option<i64>) -> Kind {
    Kind::Whole { least: -20_000, most: 20_000, usual, beyond: Beyond::Refused }
}

const fn choice(of: &'static [&'static str], usual: &'static str) -> Kind {
    Kind::Choice { of, usual: Some(usual) }
}

const ELEMENT: Parameter = needs(
    "element",
    words(500),
    "What it is, for people: role and name as in the tree. Without ref it is looked for by this.",
);
const REF: Parameter =
    takes("ref", Kind::Reference, "Its ref in the latest tree or changes. It decides.");
const TIMEOUT_MS: Parameter = takes(
    "timeout_ms",
    up_to(1, 60_000, 10_000),
    "How long to wait until the element can be used, in milliseconds.",
);

/// The operators of a comparison of texts.
const OP: Parameter = needs(
    "op",
    Kind::Choice {
        of: &[
            "equals",
            "not_equals",
            "contains",
            "not_contains",
            "starts_with",
            "ends_with",
            "matches",
        ],
        usual: None,
    },
    "The comparison; matches is an unanchored regular expression.",
);
const VALUE: Parameter = needs("value", text(2000), "What it is compared with.");
const WITHIN: Parameter =
    takes("in", words(500), "The region that it must be in: section \"Cart\", the dialog.");
const TARGET: Parameter =
    takes("target", words(500), "Whose: role and name, as button \"Pay\". Else give ref.");
const REF_OR_TARGET: &[&[&str]] = &[&["ref", "target"]];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const fn shape(
    kind: &'static str,
    fields: &'static [Parameter],
    one_of: &'static [&'static [&'static str]],
) -> Shape {
    Shape { kind, fields, one_of }
}

/// The kinds of predicate.
pub const PREDICATES: &[Shape] = &[
    shape(
        "text_visible",
        &[
            needs("text", words(2000), "Visible text, case-sensitive."),
            WITHIN,
            takes("exact", Kind::Flag, "It is the whole text of an element."),
        ],
        &[],
    ),
    shape("text_absent", &[needs("text", words(2000), "Text that is not visible."), WITHIN], &[]),
    shape(
        "url",
        &[
            OP,
            needs("value", text(8192), "What the page's URL is compared with."),
            takes(
                "part",
                choice(&["href", "path", "origin", "query"], "href"),
                "The part of the URL that is compared.",
            ),
        ],
        &[],
    ),
    shape("title", &[OP, VALUE], &[]),
    shape(
        "element_state",
        &[
            REF,
            TARGET,
            needs(
                "state",
                Kind::Choice {
                    of: &[
                        "visible",
                        "hidden",
                        "enabled",
                        "disabled",
                        "checked",
                        "unchecked",
                        "selected",
                        "focused",
                        "expanded",
                        "collapsed",
                        "pressed",
                        "read_only",
                    ],
                    usual: None,
                },
                "The state.",
            ),
            takes("negate", Kind::Flag, "The state must not hold."),
        ],
        REF_OR_TARGET,
    ),
    shape("value", &[REF, TARGET, OP, VALUE], REF_OR_TARGET),
    shape(
        "count",
        &[
            takes("role", words(40), "What is counted: button, link, row, item, …"),
            takes("name", words(500), "Only those of this name; with role."),
            takes("text", words(2000), "Or a text, whose occurrences are counted."),
            WITHIN,
            needs(
                "op",
                Kind::Choice { of: &["eq", "ne", "gt", "gte", "lt", "lte"], usual: None },
                "How the number is compared.",
            ),
            needs(
                "n",
                Kind::Whole { least: 0, most: 100_000, usual: None, beyond: Beyond::Refused },
                "The number.",
            ),
        ],
        &[&["role", "text"]],
    ),
    shape(
        "options",
        &[
            REF,
            TARGET,
            needs("values", Kind::Texts { least: 1, most: 100, each: 500 }, "Labels of options."),
            takes("exact", Kind::Flag, "These and no others, in this order."),
        ],
        REF_OR_TARGET,
    ),
    shape(
        "http_status",
        &[
            takes("method", choice(METHODS, "GET"), "The request's method."),
            needs("url", words(8192), "Asked by the runner, without the browser's cookies."),
            needs("status", words(3), "For example 200, or 2xx."),
        ],
        &[],
    ),
    shape("dialog", &[OP, VALUE], &[]),
];

const fn core(
    name: &'static str,
    action: &'static str,
    says: &'static str,
    takes: &'static [Parameter],
) -> Tool {
    Tool { name, core: true, action, says, takes, one_of: &[] }
}

const fn extension(
    name: &'static str,
    action: &'static str,
    says: &'static str,
    takes: &'static [Parameter],
) -> Tool {
    Tool { name, core: false, action, says, takes, one_of: &[] }
}

/// All tools.
pub const TOOLS: &[Tool] = &[
    core(
        "navigate",
        "navigate",
        "Opens a URL in the current tab. HTTP errors are results, not failures.",
        &[
            needs(
                "url",
                words(8192),
                "Absolute, or /path, ?query, #hash against the URL under test.",
            ),
            takes("reload", Kind::Flag, "Loads the page again if it is the current one."),
        ],
    ),
    core(
        "snapshot",
        "inspect",
        "The accessibility tree of the page with refs. Results of actions already carry what changed.",
        &[
            takes("ref", Kind::Reference, "Only what is below this element, in full."),
            takes("find", words(200), "Only lines with this text, and what they are in."),
            takes(
                "max_tokens",
                up_to(200, 32_000, 8000),
                "The size of the answer, 4 bytes a token.",
            ),
        ],
    ),
    core(
        "click",
        "click",
        "Clicks an element as a person would, once it can be clicked.",
        &[
            ELEMENT,
            REF,
            takes("button", choice(&["left", "right", "middle"], "left"), "The mouse button."),
            takes("count", up_to(1, 2, 1), "2 is a double click."),
            takes(
                "modifiers",
                Kind::Choices { of: &["Alt", "Control", "Meta", "Shift"] },
                "Keys held down meanwhile.",
            ),
            TIMEOUT_MS,
        ],
    ),
    core(
        "type_text",
        "type_text",
        "Puts text into a field. Date, time, colour, number and range fields take ISO forms.",
        &[
            ELEMENT,
            needs("text", text(10_000), "The text; placeholders like {{NAME}} stay as they are."),
            REF,
            takes(
                "mode",
                choice(&["fill", "append", "keys"], "fill"),
                "fill replaces the value, append adds to it, keys presses each key.",
            ),
            takes("submit", Kind::Flag, "Press Enter afterwards."),
            TIMEOUT_MS,
        ],
    ),
    Tool {
        one_of: &[&["values", "value"]],
        ..core(
            "select_option",
            "select_option",
            "Chooses options of a select, list box or combobox, by value or label.",
            &[
                ELEMENT,
                takes("values", Kind::Texts { least: 1, most: 100, each: 500 }, "What to choose."),
                takes("value", text(500), "The same for one."),
                REF,
                TIMEOUT_MS,
            ],
        )
    },
    core(
        "scroll",
        "scroll",
        "Turns the wheel over the page or over a scrolling element.",
        &[
            needs("y", pixels(None), "CSS pixels, down positive."),
            takes("x", pixels(Some(0)), "CSS pixels, right positive."),
            takes("ref", Kind::Reference, "What scrolls; else what is in the middle of the view."),
            takes("into_view", Kind::Flag, "Brings ref into view; x and y do not count then."),
        ],
    ),
    core(
        "press_key",
        "press_key",
        "Presses a key or a chord.",
        &[
            needs(
                "key",
                words(50),
                "Enter, Tab, Escape, ArrowDown, F5, a character, or a chord as Control+A.",
            ),
            takes("ref", Kind::Reference, "Gets the focus first."),
            takes("repeat", up_to(1, 100, 1), "How often."),
        ],
    ),
    core(
        "wait",
        "wait",
        "Waits until text is visible, or gone; or so many milliseconds. wait_for_stable is mostly better.",
        &[
            takes("text", words(1000), "The text."),
            takes("gone", Kind::Flag, "Until it is gone."),
            takes(
                "ms",
                Kind::Whole { least: 0, most: 30_000, usual: None, beyond: Beyond::Clamped },
                "With text the longest wait (usually 10000); without it the time (1000, at most 10000).",
            ),
        ],
    ),
    core(
        "screenshot",
        "inspect",
        "A picture of the page. Actions already come with one.",
        &[takes("full_page", Kind::Flag, "The whole page instead of what is in view.")],
    ),
    core(
        "evaluate",
        "inspect",
        "Runs JavaScript in the page's own world: an expression, statements, or a function.",
        &[
            needs("expression", words(20_000), "The script; promises are awaited for 10 s."),
            takes("ref", Kind::Reference, "Passed to the function as its argument."),
        ],
    ),
    core(
        "create_temp_email",
        "email",
        "Makes a new mail address. Use exactly the address that is returned.",
        &[],
    ),
    core(
        "wait_for_verification_code",
        "email",
        "Waits for new mail and finds its code or link, which come as {{code}} and {{mail_link}}.",
        &[
            takes("timeout_seconds", up_to(1, 120, 60), "How long to wait."),
            takes("from", words(200), "Only mail whose sender contains this."),
            takes("subject", words(200), "Only mail whose subject contains this."),
        ],
    ),
    core(
        "check_email_inbox",
        "email",
        "The newest mail of the address, without using it up.",
        &[takes("limit", up_to(1, 20, 1), "How many.")],
    ),
    core(
        "assert",
        "assert",
        "Says whether one check holds. Give a predicate wherever one fits: it decides.",
        &[
            needs("description", words(500), "What is asserted."),
            needs("passed", Kind::Claim, "Whether it holds."),
            needs("evidence", text(2000), "What was seen."),
            takes("check", words(20), "The id of the check that this covers, as v1 or p1."),
            takes("predicate", Kind::Predicate, "What the runner itself looks up on the page."),
        ],
    ),
    core(
        "complete_scenario",
        "complete",
        "Ends the scenario; alone and last, when every check is asserted.",
        &[
            needs("summary", text(2000), "What happened, for people."),
            needs("passed", Kind::Claim, "Whether the scenario passed."),
        ],
    ),
    core(
        "suggest_improvement",
        "suggestion",
        "Notes something that the page could do better. It does not affect the verdict.",
        &[
            needs("title", words(200), "In a few words."),
            needs(
                "severity",
                Kind::Choice { of: &["critical", "major", "minor"], usual: None },
                "How bad it is.",
            ),
            needs("description", words(2000), "What is wrong."),
            needs("suggestion", words(2000), "What to do."),
            takes("ref", Kind::Reference, "Where."),
        ],
    ),
    core(
        "http_request",
        "http",
        "Sends an HTTP request from the runner, without the browser's cookies.",
        &[
            needs("url", words(8192), "Its host must be that under test, or be named in the plan."),
            takes("method", choice(METHODS, "GET"), "The method."),
            takes("headers", Kind::Pairs { most: 50 }, "Names and values."),
            takes("body", text(256 * 1024), "JSON unless a header says otherwise."),
        ],
    ),
    core(
        "wait_for_stable",
        "wait",
        "Waits until the page has come to rest: nothing changes and nothing loads.",
        &[
            takes("timeout_seconds", up_to(0, 60, 30), "How long at most; 0 is the usual time."),
            takes(
                "stable_seconds",
                up_to(0, 10, 2),
                "How long nothing may change; 0 is the usual time.",
            ),
        ],
    ),
    extension("go_back", "go_back", "Goes back in the tab's history.", &[]),
    extension(
        "hover",
        "hover",
        "Moves the pointer over an element, where it stays until the next action.",
        &[ELEMENT, REF, TIMEOUT_MS],
    ),
    extension(
        "drag",
        "drag",
        "Drags one element onto another.",
        &[
            needs("from_element", words(500), "What is dragged, for people."),
            needs("to_element", words(500), "Where to, for people."),
            takes("from_ref", Kind::Reference, "The ref of what is dragged."),
            takes("to_ref", Kind::Reference, "The ref of where to."),
            TIMEOUT_MS,
        ],
    ),
    extension(
        "upload_file",
        "upload_file",
        "Chooses files in a file field, or in the file chooser that a click has opened.",
        &[
            ELEMENT,
            needs(
                "files",
                Kind::Texts { least: 1, most: 20, each: 500 },
                "Names in the run's file directory, or fixture:png, jpg, pdf, csv, txt.",
            ),
            REF,
        ],
    ),
    extension(
        "handle_dialog",
        "handle_dialog",
        "Answers the JavaScript dialog that is open.",
        &[
            needs("accept", Kind::Claim, "Accept, else dismiss."),
            takes("text", text(2000), "What a prompt is answered with."),
        ],
    ),
    extension(
        "switch_tab",
        "switch_tab",
        "Makes another tab the current one; without tab it lists them.",
        &[
            takes(
                "tab",
                words(500),
                "Its id, a part of its title or URL, or new, first, last, previous.",
            ),
            takes("close", Kind::Flag, "Closes the current tab and returns to its opener."),
        ],
    ),
    extension(
        "paste_code",
        "paste_code",
        "Enters a verification code into its field or its row of boxes.",
        &[
            needs("code", words(100), "Usually {{code}}."),
            takes("element", words(500), "The field or one of the boxes, for people."),
            REF,
        ],
    ),
    extension(
        "console_messages",
        "inspect",
        "What the page wrote to its console since the scenario began.",
        &[
            takes("level", choice(&["error", "warning", "all"], "error"), "Which."),
            takes("limit", up_to(1, 200, 50), "How many, the newest."),
        ],
    ),
    extension(
        "network_requests",
        "inspect",
        "The page's requests since the scenario began, without their bodies.",
        &[
            takes("filter", words(200), "Only URLs that contain this."),
            takes("failed_only", Kind::Flag, "Only those that failed."),
            takes("limit", up_to(1, 200, 50), "How many, the newest."),
        ],
    ),
];
