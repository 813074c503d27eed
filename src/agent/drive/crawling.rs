//! Pages are visited instead of scenarios driven: what `handback discover` does (agent.md 10).

use tokio_util::task::TaskTracker;

use super::{Connected, Drive, Halt, Job};
use crate::{
    agent::{
        discovery::{
            self, Captured, Discovered,
            crawl::{Met, Visited, crawl},
            smoke,
        },
        events::Event,
        journal::Journal,
        verdict::Reason,
    },
    page::tool::{Code, Failed},
};

/// Visits the pages that links lead to from the job's URL. What was found is in the journal: with a model
/// its proposals, without one a case a page that only looks.
///
/// # Errors
/// If there is no browser, the first page cannot be opened, or the run is to end.
pub async fn visit(
    job: &Job,
    journal: &mut Journal,
    connected: Connected,
    tasks: &TaskTracker,
) -> Result<(), Halt> {
    let mut drive = Drive::new(job, journal, connected, tasks);
    let visited = drive.visit().await;
    drive.stop_discovering().await;
    visited
}

impl Drive<'_> {
    async fn visit(&mut self) -> Result<(), Halt> {
        let grant = self.first_browser().await?;
        self.attach(grant).await?;
        let Some(page) = self.page.clone() else { return Err(self.stopped()) };
        self.start_discovering();
        // Id 0 is no step of a plan.
        if let Err(refused) = self.link.begin(0, "navigate").await {
            let message = format!("The browser is not ours: {refused:?}.");
            return Err(Halt { reason: Reason::Internal, message });
        }
        let (job, token) = (self.job, self.stop.token.clone());
        let crawled = crawl(&page, &job.url, &job.redactor, &token, |met| self.meet(met)).await;
        self.link.end(0);
        crawled.map_err(|failed| self.gave_up(&failed))
    }

    fn meet(&mut self, met: Met) {
        match met {
            Met::Page(visited) => {
                let Visited { page, headings } = *visited;
                let message = format!("found {}", self.job.redactor.url(page.url.as_str()));
                self.journal.emit(None, Event::Status { phase: "discover".to_owned(), message });
                let sees = self.job.model.as_ref().is_none_or(|model| model.known().images);
                match &mut self.discovery {
                    Some(discovery) => discovery
                        .saw(Captured { image: page.image.clone().filter(|_| sees), ..page }),
                    None => self.look_only(&page, &headings),
                }
            }
            Met::Broken(why) => self.journal.warn(&format!("{why}.")),
        }
        self.hear_discovery();
    }

    /// A case that needs no model.
    fn look_only(&mut self, page: &Captured, headings: &[String]) {
        let url = self.job.redactor.url(page.url.as_str());
        match smoke::case(&page.url, &page.title, headings) {
            Some(case) => {
                let found = Discovered { url, title: page.title.clone(), cases: vec![case] };
                discovery::found(self.journal, found);
            }
            None => self.journal.warn(&format!(
                "No case is proposed for {url}: it has neither a title nor a heading that a plan can name."
            )),
        }
    }

    fn gave_up(&self, failed: &Failed) -> Halt {
        if self.stop.token.is_cancelled() {
            return self.stopped();
        }
        let reason = if failed.code == Code::BrowserLost {
            Reason::BrowserLost
        } else if failed.code == Code::BlockedByPolicy {
            Reason::BlockedByPolicy
        } else {
            Reason::NavigationFailed
        };
        Halt { reason, message: format!("The pages could not be visited: {failed}.") }
    }
}
