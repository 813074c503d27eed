//! `select_option`: native selects, ARIA listboxes and comboboxes.

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    click,
    dispatch::{Acted, Page, not_actionable, spell},
};
use crate::page::{
    Text,
    actionability::{Intent, Ready, Reason, Schedule},
    frames::Browser,
    settle,
    tool::{Code, Failed, Subject},
    view::Element,
};

#[derive(Debug, Deserialize)]
struct Chosen {
    ok: bool,
    why: Option<String>,
    #[serde(default)]
    wanted: usize,
    #[serde(default)]
    options: Vec<Offer>,
    #[serde(default)]
    selected: Value,
}

#[derive(Clone, Debug, Deserialize)]
struct Offer {
    value: String,
    label: String,
}

#[derive(Debug, Deserialize)]
struct Offers {
    ok: bool,
    why: Option<String>,
    #[serde(default)]
    wanted: i64,
    #[serde(default)]
    found: Vec<Option<u32>>,
    #[serde(default)]
    options: Vec<Offer>,
    #[serde(default)]
    expanded: bool,
    #[serde(default)]
    editable: bool,
}

impl Page {
    pub(super) async fn select(
        &self,
        from: &Subject,
        values: &[Text],
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        if values.is_empty() {
            return Err(Failed::new(Code::InvalidArgument, "no value is given"));
        }
        let mut schedule = Schedule::until(deadline);
        let exposed: Vec<&str> = values.iter().map(Text::expose).collect();
        let mut miss = None;
        // Options may still be on their way: a miss is an answer at the deadline.
        loop {
            let ready = match self.ready(from, Intent::Select, &mut schedule).await {
                Ok(ready) => ready,
                Err(failed) if failed.code == Code::Timeout => {
                    return Err(miss.unwrap_or(failed));
                }
                Err(failed) => return Err(failed),
            };
            self.begin().await?;
            let argument = json!({"n": ready.element.number, "values": exposed});
            let chosen: Chosen = Browser::ask(&ready.element.document, "choose", argument).await?;
            if chosen.ok {
                let mut acted = click::acted("selected in", &ready);
                acted.data = json!({"selected": chosen.selected});
                return Ok(acted);
            }
            match chosen.why.as_deref() {
                Some("custom") => return self.select_custom(from, &ready, values, deadline).await,
                Some("single") => {
                    let message = format!("{} takes one value", spell(from));
                    return Err(Failed::new(Code::InvalidArgument, message));
                }
                Some("disabled") => {
                    let reason = Reason { reason: "disabled".to_owned(), by: None };
                    miss = Some(not_actionable(from, &reason));
                }
                Some("stale") => {
                    let reason = Reason { reason: "detached".to_owned(), by: None };
                    miss = Some(not_actionable(from, &reason));
                }
                Some(_) | None => {
                    miss = Some(not_offered(from, values.get(chosen.wanted), &chosen.options));
                }
            }
            if Instant::now() >= deadline
                && let Some(miss) = miss
            {
                return Err(miss);
            }
        }
    }

    /// A listbox, or a combobox that is opened first. Each value is clicked and must show then.
    async fn select_custom(
        &self,
        from: &Subject,
        widget: &Ready,
        values: &[Text],
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let mut selected = Vec::new();
        for value in values {
            let option = self.reveal(from, widget, value, deadline).await?;
            let document = widget.element.document.clone();
            let reference = self.found(&Element { document, number: option }).await?;
            let mut schedule = Schedule::until(deadline);
            let struck = self.press(&reference, &mut schedule).await?;
            if let Some(t0) = self.browser.with(|state| state.acting).await? {
                settle::settle(&self.browser, t0).await?;
            }
            let label = if struck.name.is_empty() { value.shown() } else { &struck.name };
            let mut schedule = Schedule::until(deadline);
            while !self.shows(widget, option, label).await? {
                if schedule.made() > 4 || schedule.next().await.is_none() {
                    let reason = Reason { reason: "state_unchanged".to_owned(), by: None };
                    return Err(not_actionable(from, &reason));
                }
            }
            selected.push(json!({"value": value.shown(), "label": label}));
        }
        let mut acted = click::acted("selected in", widget);
        acted.data = json!({"selected": selected});
        Ok(acted)
    }

    async fn shows(&self, widget: &Ready, option: u32, label: &str) -> Result<bool, Failed> {
        let argument = json!({"n": widget.element.number, "option": option, "label": label});
        match Browser::ask(&widget.element.document, "shows", argument).await {
            Ok(shown) => Ok(shown),
            // A choice that leads to another page has been made.
            Err(error) if error.page_moved() => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// The option of a value, after opening the widget if it is closed.
    async fn reveal(
        &self,
        from: &Subject,
        widget: &Ready,
        value: &Text,
        deadline: Instant,
    ) -> Result<u32, Failed> {
        let mut schedule = Schedule::until(deadline);
        let mut opened = false;
        let mut typed = false;
        let mut last: Vec<Offer> = Vec::new();
        while schedule.next().await.is_some() {
            let argument = json!({"n": widget.element.number, "values": [value.expose()]});
            let offers: Offers = Browser::ask(&widget.element.document, "offers", argument).await?;
            if let (true, Some(Some(option))) = (offers.ok, offers.found.first()) {
                return Ok(*option);
            }
            if offers.why.as_deref() == Some("stale") {
                break;
            }
            debug_assert!(offers.wanted <= 0, "one value is asked for");
            if !offers.options.is_empty() {
                last = offers.options;
            }
            if !opened && !offers.expanded {
                opened = true;
                let itself = self.found(&widget.element).await?;
                let mut schedule = Schedule::until(deadline);
                self.press(&itself, &mut schedule).await?;
            } else if !typed && offers.editable && schedule.made() > 3 {
                typed = true;
                let argument = json!({"n": widget.element.number, "select": "all"});
                Browser::ask::<Value>(&widget.element.document, "focus", argument)
                    .await
                    .map(drop)?;
                self.alive().await?.insert_text(value.expose()).done().await?;
            }
        }
        Err(not_offered(from, Some(value), &last))
    }
}

fn not_offered(from: &Subject, value: Option<&Text>, options: &[Offer]) -> Failed {
    let value = value.map(Text::shown).unwrap_or_default();
    let labels: Vec<&str> = options.iter().map(|option| option.label.as_str()).collect();
    let listed: Vec<Value> = options
        .iter()
        .map(|option| json!({"value": option.value, "label": option.label}))
        .collect();
    let message = if labels.is_empty() {
        format!("{} offers no options", spell(from))
    } else {
        format!("{} has no option \"{value}\"; it has: {}", spell(from), labels.join(", "))
    };
    Failed::new(Code::NotFound, message).with(json!({"options": listed}))
}
