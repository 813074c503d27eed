//! Actions A20 that read mail, one reader for each.

use std::time::Duration;

use super::{Meaning, Reader, parts::up_to};
use crate::{
    agent::deed::Mail,
    page::{Text, tool::Call, words::Cursor},
};

/// In the order in which they are tried.
pub(super) const READERS: &[Reader] =
    &[("A20", create_address), ("A20", wait_for_mail), ("A20", open_link)];

/// What `wait_for_verification_code` takes by default, and at most.
const WAIT: Duration = Duration::from_mins(1);
const WAIT_CAP: Duration = Duration::from_mins(2);

fn create_address(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["create"])?.phrase(&["temporary email", "temp email"])?;
    at.maybe(&["address"]).is_end().then_some(Meaning::Mail(Mail::CreateAddress))
}

fn wait_for_mail(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["wait"])?.phrase(&["for"])?;
    let at = at.maybe(&["verification"]).phrase(&["code", "email"])?;
    let (timeout, at) = up_to(at, WAIT_CAP)?;
    let timeout = timeout.unwrap_or(WAIT);
    at.is_end().then_some(Meaning::Mail(Mail::WaitForCode { timeout, from: None, subject: None }))
}

fn open_link(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["open"])?.phrase(&["link in email"])?;
    let url = Text::plain("{{mail_link}}");
    at.is_end().then(|| Meaning::Act(Box::new(Call::Navigate { url })))
}
