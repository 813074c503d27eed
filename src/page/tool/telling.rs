//! What there is to tell beside results and trees: consoles, requests, dialogs, tabs, downloads.

use super::reading::Redact;
use crate::page::{
    News, Page,
    frames::State,
    heard::{Exchange, Level, Listing, Message},
    tool::Failed,
};

impl Page {
    /// A scenario begins: nothing is held, and no dialog, message or request was met in it yet.
    pub async fn begin_scenario(&self) {
        self.browser.with(State::begin_scenario).await.ok();
    }

    /// What the scenario's pages have written to their consoles, in any tab: the newest `limit` of at
    /// least this level, each redacted as a whole before it is cut.
    ///
    /// # Errors
    /// `browser_lost`.
    pub async fn console(
        &self,
        level: Level,
        limit: usize,
        redact: Redact<'_>,
    ) -> Result<Listing<Message>, Failed> {
        let messages =
            self.browser.with(move |state| state.heard.console.list(level, limit)).await?;
        Ok(messages.told(redact))
    }

    /// What the scenario's pages have asked the network for, in any tab: the newest `limit` whose URL
    /// contains `filter`. A request has failed without a response, or with a status of 400 and above.
    /// URLs are told, and searched, through `url`.
    ///
    /// # Errors
    /// `browser_lost`.
    pub async fn requests(
        &self,
        filter: Option<&str>,
        failed_only: bool,
        limit: usize,
        url: Redact<'_>,
    ) -> Result<Listing<Exchange>, Failed> {
        let requests =
            self.browser.with(move |state| state.heard.traffic.list(failed_only)).await?;
        Ok(requests.told(filter, limit, url))
    }

    /// What has happened since this was last asked.
    pub async fn news(&self) -> News {
        let taken = self.browser.with(|state| News {
            dialogs: state.dialogs.take_answered(),
            tabs: state.take_tab_news(),
            downloads: state.downloads.take_ended(),
        });
        taken.await.unwrap_or_default()
    }
}
