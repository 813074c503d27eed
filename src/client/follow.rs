//! One run as it goes on, over watches that end, lag and are refused.

use futures_util::{Stream, StreamExt as _, stream};
use kube::{
    ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};

use super::{Error, cluster::Cluster, error::status};
use crate::{manifest::test_run::TestRun, telemetry::chain};

/// What is heard of a run.
#[derive(Debug)]
pub enum Heard {
    /// It is like this now. The same may be heard twice.
    Run(Box<TestRun>),
    /// The API server cannot be heard at the moment; it is tried again.
    Trouble(String),
    /// Nothing more will be heard.
    End(Error),
}

impl Cluster {
    /// Everything that happens to this very run, from now on and for as long as it exists.
    pub fn follow(&self, run: &TestRun) -> impl Stream<Item = Heard> + Send + 'static {
        let (name, uid) = (run.name_any(), run.uid());
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let events = watcher::watcher(self.api::<TestRun>(), config).default_backoff().boxed();
        let following = Following { cluster: self.clone(), name, uid, seen: false, over: false };
        stream::unfold((events, following), async |(mut events, mut following)| {
            while !following.over {
                let event = events.next().await?;
                if let Some(heard) = following.hear(event) {
                    return Some((heard, (events, following)));
                }
            }
            None
        })
    }
}

struct Following {
    cluster: Cluster,
    name: String,
    uid: Option<String>,
    /// The list that is being read has the run.
    seen: bool,
    over: bool,
}

impl Following {
    fn hear(&mut self, event: watcher::Result<Event<TestRun>>) -> Option<Heard> {
        match event {
            Ok(Event::Apply(run) | Event::InitApply(run)) if run.uid() == self.uid => {
                self.seen = true;
                Some(Heard::Run(Box::new(run)))
            }
            Ok(Event::Init) => {
                self.seen = false;
                None
            }
            Ok(Event::InitDone) if self.seen => None,
            Ok(Event::Apply(_) | Event::InitApply(_) | Event::InitDone | Event::Delete(_)) => {
                Some(self.end(Error::Deleted { name: self.name.clone() }))
            }
            Err(
                watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
            ) if matches!(status(&error), Some((401 | 403 | 404, _))) => {
                let error = self.cluster.not_followed(&error);
                Some(self.end(error))
            }
            // The watch is older than what the server remembers: an everyday thing.
            Err(watcher::Error::WatchError(status)) if status.code == 410 => None,
            Err(error) => Some(Heard::Trouble(chain(&error))),
        }
    }

    fn end(&mut self, error: Error) -> Heard {
        self.over = true;
        Heard::End(error)
    }
}
