//! Display and Chromium: started when the gate asks, ended together, and told of.

use std::{fs, future::pending, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::UnixListener,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Config, Gate, ProfileChoice, bridge,
    chromium::{self, Chromium, ChromiumError, Profile, ProfileError, Setup, Wishes},
    control,
    display::{self, Display, DisplayError},
    listen,
    memory::Kills,
    process,
    recorder::{self, Command, Recorder, Source},
    user::User,
};
use crate::{
    clock::SystemClock,
    pod::contract::{
        BrowserFacts, CDP_SOCKET, CONTROL_SOCKET, DOWNLOADS, FromBrowser, RFB_SOCKET, Size,
        ToBrowser,
    },
    telemetry::chain,
};

/// How much higher than the page the display is at first. Chromium's bars are 87 px here and must
/// have room: a window as large as the display is made a pixel smaller, and believes it is not.
const HEADROOM: u32 = 160;
/// When Chromium and the display end together, Chromium may be noticed first.
const WHO_WAS_FIRST: Duration = Duration::from_millis(100);

/// Between two looks at the counter of kills: a small file, and whoever lost a tab waits for it.
const MEMORY_LOOK: Duration = Duration::from_millis(100);

/// Why a start failed; the sentence of [`FromBrowser::Failed`].
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Display(#[from] DisplayError),
    #[error(transparent)]
    Chromium(#[from] ChromiumError),
    #[error("listening on {path}")]
    Listen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Display and Chromium while both run.
#[derive(Debug)]
struct Running {
    display: Option<Display>,
    chromium: Chromium,
    facts: BrowserFacts,
    /// The bridge; it ends with this.
    _bridge: JoinSet<io::Result<()>>,
}

/// What the supervisor knows.
pub(super) struct Supervisor {
    config: Config,
    tasks: TaskTracker,
    /// Kept over restarts, as is its lock.
    profile: Option<Profile>,
    profile_busy: bool,
    running: Option<Running>,
    recorder: Option<mpsc::UnboundedSender<Command>>,
    encoder: watch::Receiver<Option<u32>>,
}

impl Supervisor {
    pub(super) fn new(config: Config) -> Self {
        let (_, encoder) = watch::channel(None);
        Self {
            config,
            tasks: TaskTracker::new(),
            profile: None,
            profile_busy: false,
            running: None,
            recorder: None,
            encoder,
        }
    }

    /// Obeys the gate until it says stop (which cancels `stop`).
    pub(super) async fn supervise(
        &mut self,
        listener: UnixListener,
        stop: CancellationToken,
        gate: watch::Sender<Gate>,
    ) {
        let (tell, outgoing) = mpsc::unbounded_channel();
        let (incoming, mut messages) = mpsc::unbounded_channel();
        let (commands, orders) = mpsc::unbounded_channel();
        let (pid, encoder) = watch::channel(None);
        self.encoder = encoder;
        self.recorder = Some(commands);
        let recorder = Recorder::new(
            self.tasks.clone(),
            Arc::new(SystemClock),
            self.config.runtime.join("r"),
            self.config.media.clone(),
            tell.clone(),
            pid,
        );
        let mut kills = Kills::count();
        let mut by_memory = false;
        let mut looks = interval(MEMORY_LOOK);
        let mut workers = JoinSet::new();
        workers.spawn(recorder.run(orders));
        workers.spawn(control::serve(listener, incoming, outgoing, stop, gate));
        loop {
            tokio::select! {
                Some(message) = messages.recv() => self.obey(message, &tell).await,
                _ = looks.tick() => {
                    // A tab that is killed for memory ends nothing else: nobody would hear of it.
                    if kills.more() {
                        tracing::warn!("the container's memory limit was reached");
                        drop(tell.send(FromBrowser::MemoryKill));
                        by_memory = true;
                    }
                }
                end = ended(&mut self.running) => {
                    let (who, reason) = self.who_was_first(end).await;
                    if kills.more() {
                        drop(tell.send(FromBrowser::MemoryKill));
                        by_memory = true;
                    }
                    let reason = if std::mem::take(&mut by_memory) {
                        format!("the container's memory limit was reached; {reason}")
                    } else {
                        reason
                    };
                    tracing::warn!(who, %reason, "the browser ended");
                    self.down(format!("the {who} ended")).await;
                    let exited = FromBrowser::Exited { who: who.to_owned(), reason };
                    drop(tell.send(exited));
                }
                // Without its workers the supervisor has nothing left to do.
                _ = workers.join_next() => return,
            }
        }
    }

    async fn obey(&mut self, message: ToBrowser, tell: &mpsc::UnboundedSender<FromBrowser>) {
        let record = |command| {
            // The recorder lives as long as the supervisor.
            drop(self.recorder.as_ref().map(|recorder| recorder.send(command)));
        };
        match message {
            ToBrowser::Record => record(Command::Record),
            ToBrowser::PauseVideo => record(Command::Pause),
            ToBrowser::CloseVideo => record(Command::Close),
            ToBrowser::Mark(mark) => record(Command::Mark(mark)),
            // Handled where it is read, so that it is never behind anything else.
            ToBrowser::Stop => {}
            ToBrowser::Rejoin => {
                let answer = if let Some(running) = &self.running {
                    FromBrowser::Ready(running.facts.clone())
                } else {
                    let message = "The browser ended while the gate was away.".to_owned();
                    FromBrowser::Failed { message }
                };
                drop(tell.send(answer));
            }
            ToBrowser::Start { viewport, insecure_tls, resolver_rules } => {
                let wishes = Wishes { viewport, insecure_tls, resolver_rules };
                let answer = match &self.running {
                    // A gate that has been restarted asks again; the browser is the same.
                    Some(running) => FromBrowser::Ready(running.facts.clone()),
                    None => match self.start(&wishes).await {
                        Ok(facts) => FromBrowser::Ready(facts),
                        Err(error) => {
                            let message = chain(&error);
                            tracing::warn!(%message, "the browser did not start");
                            self.down(message.clone()).await;
                            FromBrowser::Failed { message }
                        }
                    },
                };
                drop(tell.send(answer));
            }
        }
    }

    /// Starts display, Chromium and bridge.
    async fn start(&mut self, wishes: &Wishes) -> Result<BrowserFacts, StartError> {
        // Before anything is started: a missing program is the likeliest failure.
        chromium::program(self.config.browser.as_deref())?;
        let home = self.config.runtime.join("home");
        if self.profile.is_none() {
            let temporary = Profile::temporary(home.join("profile"));
            self.profile = Some(match &self.config.profile {
                ProfileChoice::Temporary => temporary,
                ProfileChoice::Directory(path) => match Profile::kept(path.clone()) {
                    Err(ProfileError::Busy(_)) if self.config.profile_yields => {
                        self.profile_busy = true;
                        temporary
                    }
                    kept => kept.map_err(ChromiumError::from)?,
                },
            });
        }
        let Some(profile) = &self.profile else { return Err(ChromiumError::Missing.into()) };
        let user = User::choose(profile.is_kept().then(|| profile.path()));
        let mut display = self.start_display(wishes, user).await?;
        let cookie = display::client_cookie(&self.config.runtime);
        let setup = Setup {
            wishes,
            program: self.config.browser.as_deref(),
            sandbox: self.config.sandbox,
            profile,
            display: display.as_ref().map(|display| (display.number, cookie)),
            home: &home,
            downloads: &self.config.media.join(DOWNLOADS),
            user,
        };
        let (chromium, pipe) = Chromium::start(&self.tasks, &setup).await?;
        let measured = chromium.measured;
        if let Some(display) = &mut display {
            let size = display_size(wishes, measured.bars);
            display.resize(size).await?;
        }
        let path = self.config.sockets.join(CDP_SOCKET);
        let listener = listen(&path).map_err(|source| StartError::Listen { path, source })?;
        let mut bridge = JoinSet::new();
        bridge.spawn(bridge::run(pipe, listener));
        let source = match &display {
            Some(display) => Ok(Source {
                number: display.number,
                size: display.size,
                cookies: self.config.runtime.clone(),
                origin: (measured.page_x, measured.page_y),
            }),
            None => Err(no_display()),
        };
        let facts = BrowserFacts {
            version: chromium.version.clone(),
            pid: chromium.pid,
            sandbox: chromium.sandbox,
            display: display.as_ref().map(|display| display.size),
            page_x: display.as_ref().map_or(0, |_| measured.page_x),
            page_y: display.as_ref().map_or(0, |_| measured.page_y),
            video_unavailable: source.as_ref().err().cloned().or_else(recorder::missing),
            profile_busy: self.profile_busy,
        };
        drop(self.recorder.as_ref().map(|recorder| recorder.send(Command::Source(source))));
        tracing::info!(version = facts.version, pid = facts.pid, "the browser is ready");
        self.running = Some(Running { display, chromium, facts: facts.clone(), _bridge: bridge });
        Ok(facts)
    }

    /// A private display, if one is wanted and installed.
    async fn start_display(
        &self,
        wishes: &Wishes,
        user: Option<User>,
    ) -> Result<Option<Display>, StartError> {
        let Some(program) = display::program().filter(|_| !self.config.headless) else {
            return Ok(None);
        };
        let rfb = self.config.sockets.join(RFB_SOCKET);
        let size = display_size(wishes, HEADROOM);
        let runtime = &self.config.runtime;
        let display = Display::start(&self.tasks, &program, runtime, &rfb, user, size).await?;
        Ok(Some(display))
    }

    /// Chromium ends when its display does, and exits with success even then, so its code tells
    /// nothing.
    async fn who_was_first(&mut self, end: End) -> (&'static str, String) {
        let display = self.running.as_mut().and_then(|running| running.display.as_mut());
        match (end, display) {
            (End::Display(reason), _) => ("display", reason),
            (End::Chromium(reason), None) => ("chromium", reason),
            (End::Chromium(reason), Some(display)) => {
                match timeout(WHO_WAS_FIRST, display.ended()).await {
                    Ok(reason) => ("display", reason),
                    Err(_) => ("chromium", reason),
                }
            }
        }
    }

    /// Ends whatever runs but an encoder that is writing its last frames.
    async fn down(&mut self, why: String) {
        drop(self.recorder.as_ref().map(|recorder| recorder.send(Command::Source(Err(why)))));
        if let Some(Running { display, chromium, .. }) = self.running.take() {
            chromium.end().await;
            if let Some(display) = display {
                display.end().await;
            }
        }
        let keep = *self.encoder.borrow();
        process::end_all(keep.as_slice()).await;
        drop(fs::remove_file(self.config.sockets.join(CDP_SOCKET)));
    }

    /// Ends everything.
    pub(super) async fn end(&mut self) {
        self.recorder = None;
        if let Some(Running { display, chromium, .. }) = self.running.take() {
            chromium.end().await;
            if let Some(display) = display {
                display.end().await;
            }
        }
        process::end_all(&[]).await;
        for socket in [CONTROL_SOCKET, CDP_SOCKET, RFB_SOCKET] {
            drop(fs::remove_file(self.config.sockets.join(socket)));
        }
    }
}

/// Why there is no display, in a sentence for a person.
fn no_display() -> String {
    if display::program().is_some() {
        return "there is no video and no live view because the browser runs in its own \
                headless mode, as it was asked to"
            .to_owned();
    }
    "there is no video and no live view because TigerVNC's Xvnc is not installed (on Debian: \
     apt install tigervnc-standalone-server)"
        .to_owned()
}

/// The display that shows a page of the wished size below bars of this height.
fn display_size(wishes: &Wishes, bars: u32) -> Size {
    let Size { width, height } = chromium::contents(wishes.viewport);
    Size { width, height: height + bars }
}

/// Which of the two has ended, and what it says.
enum End {
    Display(String),
    Chromium(String),
}

/// Resolves when display or Chromium has ended, again and again if nobody sees to it. Nothing here
/// waits on after that: whatever else the supervisor does would begin it anew, and its looks at
/// the memory are as frequent as the wait is long.
async fn ended(running: &mut Option<Running>) -> End {
    let Some(Running { display, chromium, .. }) = running else { return pending().await };
    let Some(display) = display else { return End::Chromium(chromium.ended().await) };
    tokio::select! {
        biased;
        reason = display.ended() => End::Display(reason),
        reason = chromium.ended() => End::Chromium(reason),
    }
}
