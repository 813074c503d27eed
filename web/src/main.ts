// The takeover page: watch a run, take its browser over, look back. This file joins the parts; what
// the page knows is model.ts, what it says to the gate is docs/takeover-protocol.md.

import { Api, Refused, type Session } from './api';
import { atOnce, politely } from './announce';
import { countChecks, renderChecks } from './checks';
import { Client } from './client';
import { Control } from './control';
import { askPaste, askRelease, askStop, closeControlDialogs } from './dialogs';
import { byId, text } from './dom';
import { plural } from './format';
import { dispatch, renderInspect } from './inspect';
import { type Command, listen } from './keyboard';
import { type Model, offer, where } from './model';
import { Presence } from './presence';
import { Retry } from './retry';
import { Screen } from './screen';
import { Steps } from './steps';
import { type Step, conclude, emptyStory, tell } from './story';
import { Tabs } from './tabs';
import type { Notice, RunEvent, State } from './types';
import { Video } from './video';
import { render } from './view';

/** How long a remark stands in the banner before the usual sentence comes back. */
const NOTE = 8000;
/** The gate sends at least a comment every 15 s; without any for this long the connection is dead. */
const SILENCE = 40_000;
/** A seat is kept for a minute after its handoff: time for several tries. */
const RENEW_AGAIN = 10_000;

/** What a lease that ended says (takeover-protocol.md, `lease revoked`). */
const REVOKED: Record<string, { strong: string; rest: string }> = {
  released: { strong: 'You handed the browser back.', rest: 'You are watching again.' },
  cancelled: { strong: 'You handed the browser back.', rest: 'It is noted that it could not be done.' },
  deadline: { strong: 'The time was up.', rest: 'You are watching again; you can take over once more.' },
  dead_man: { strong: 'The connection was away for too long.', rest: 'Control ended; you can take over once more.' },
  stopped: { strong: 'The browser was stopped.', rest: '' },
  browser_lost: { strong: 'The browser is gone.', rest: '' },
  moved: { strong: 'You went on in another tab.', rest: 'Here you are watching.' },
};

const model: Model = {
  link: 'opening', refusal: '', me: '', seat: null, server: null, at: 0, story: emptyStory(), picture: 'off',
  lastPictureAt: null, hold: null, inspecting: false, pick: null, show: { kind: 'live' }, focused: false, note: null,
};
const fragment = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, '', location.pathname);
const api = new Api();
const client = Client.of(fragment);
let renewTimer = 0;
let lastSeq = 0;
let concluded = false;
let heardAt = performance.now();
let listening: AbortController | null = null;
let noteTimer = 0;
let triedInput = false;
const linkRetry = new Retry();

const screen = new Screen(api, byId('picture'), byId<HTMLCanvasElement>('still'), {
  changed(picture) {
    model.picture = picture;
    model.lastPictureAt = screen.lastPictureAt;
    changed();
  },
  refused(code) {
    // The seat is gone, or the browser: the events' connection knows what is true now.
    if (code === 4401) listening?.abort();
    if (code === 4429) note('Too much was sent at once.', 'The picture was cut and comes back.');
  },
  resized: () => changed(),
});

const control = new Control(api, {
  granted(epoch, deadlineMs) {
    const again = model.hold?.phase === 'lost';
    model.hold = { phase: 'granted', epoch, endsAt: deadlineMs === null ? null : performance.now() + deadlineMs };
    model.note = null;
    screen.interactive(true);
    if (!again) {
      showLive();
      screen.focus();
    }
    changed();
  },
  revoked: (reason) => ended(reason),
  remaining(ms) {
    if (model.hold) model.hold.endsAt = performance.now() + ms;
  },
  warning(ms) {
    if (model.hold) model.hold.endsAt = performance.now() + ms;
    atOnce(`${plural(Math.round(ms / 1000), 'second', 'seconds')} of control left.`);
    changed();
  },
  picked(node) {
    model.pick = node;
    dispatch(byId('screen'), node);
    tabs.offerInspect(true);
    tabs.select('inspect');
    politely(`Picked ${node.name ?? 'an element'}.`);
    changed();
  },
  problem(code) {
    note('That did not work.', `The gate said: ${code.replaceAll('_', ' ')}.`);
  },
  lost() {
    // What is typed now would be lost without a word: hold it back until the gate admits again.
    screen.interactive(false);
    if (model.hold) model.hold.phase = 'lost';
    model.inspecting = false;
    changed();
  },
});

const tabs = new Tabs();
const steps = new Steps(byId('panel-steps'), { chosen: (step) => choose(step), address });
const video = new Video(byId<HTMLVideoElement>('video'), byId('panel-video'), byId('video-length'), {
  play(ms) {
    showVideo();
    if (ms !== null) video.seek(ms);
    video.play();
  },
  address,
});
const presence = new Presence(api, control, () => {
  if (performance.now() - heardAt > SILENCE) listening?.abort();
  changed();
});

// Drawing

let pending = false;
function changed(): void {
  if (pending) return;
  pending = true;
  requestAnimationFrame(draw);
}

function draw(): void {
  pending = false;
  model.focused = screen.focused;
  const drawn = screen.canvas?.getBoundingClientRect().width ?? 0;
  render(model, { drawn, now: performance.now(), today: Date.now() });
  const { server, story } = model;
  if (!server) return;
  const running = server.run.phase === 'running';
  steps.render(story, running, model.show.kind === 'shot' ? model.show.key : null);
  renderChecks(byId('panel-checks'), story, running);
  const checks = countChecks(story);
  text(byId('checks-count'), checks > 0 ? String(checks) : '');
  video.render(server, story);
  renderInspect(byId('panel-inspect'), model.pick, {
    highlight: (node) => control.send(node === null ? { type: 'highlight', action: 'hide' } : { type: 'highlight', action: 'node', backendNodeId: node }),
  });
}

function note(strong: string, rest: string): void {
  model.note = { strong, rest };
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => {
    model.note = null;
    changed();
  }, NOTE);
  changed();
}

function address(path: string): string {
  const id = model.server?.run.id ?? '';
  return `/runs/${encodeURIComponent(id)}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

// The stage

function showLive(): void {
  model.show = { kind: 'live' };
  model.note = null;
  video.pause();
  changed();
}

function showVideo(): void {
  model.show = { kind: 'video' };
  model.note = null;
  changed();
}

/** A step's picture on the stage, and its place in the video. */
function choose(step: Step): void {
  if (step.videoMs !== null) video.seek(step.videoMs);
  if (model.show.kind === 'video') return;
  if (step.shot) {
    model.show = { kind: 'shot', path: address(step.shot), label: `Step ${step.number}: ${step.text}`, key: step.key };
    model.note = null;
    changed();
  } else if (model.server?.video.status === 'recorded' && step.videoMs !== null) {
    showVideo();
  } else {
    note('No picture was kept of this step.', '');
  }
}

// Control

async function take(): Promise<void> {
  const can = offer(model);
  if (model.hold || model.link !== 'open') return;
  if (can.kind === 'not') {
    if (can.message) note('Not now.', can.message);
    return;
  }
  model.hold = { phase: 'asking', epoch: 0, endsAt: null };
  changed();
  try {
    if (client) {
      // The Handoff is the person's own; with its ticket the seat becomes the holder's.
      const session = await api.renew(await client.takeOver());
      if (can.kind === 'move') await api.post('/api/takeover', { move: true });
      model.hold = { phase: 'opening', epoch: session.state.lease.epoch, endsAt: null };
      accept(session.state);
      control.start();
      return;
    }
    const answer = (await api.post('/api/takeover', can.kind === 'move' ? { move: true } : undefined)) as { epoch: number };
    model.hold = { phase: 'opening', epoch: answer.epoch, endsAt: null };
    control.start();
  } catch (error) {
    model.hold = null;
    const holder = error instanceof Refused ? error.body['holder'] : undefined;
    if (typeof holder === 'string' && holder !== model.me) note(`${holder} was faster.`, 'You are watching.');
    else note('Taking over did not work.', error instanceof Refused ? error.message : 'The gate cannot be reached.');
  }
  changed();
}

/** Goes on watching under a handoff that lasts, before or after the end of the one there was. */
async function watchOn(): Promise<void> {
  clearTimeout(renewTimer);
  if (!client || model.hold) return;
  try {
    await api.renew(await client.ticket(true));
    renewLater();
  } catch {
    // Without another ticket the gate ends the seat, and that is told then.
    renewTimer = setTimeout(() => void watchOn(), RENEW_AGAIN);
  }
}

/** Control has an end of its own, and is followed by this. */
function renewLater(): void {
  clearTimeout(renewTimer);
  if (client) renewTimer = setTimeout(() => void watchOn(), client.renewIn);
}

function release(): void {
  if (model.hold?.phase !== 'granted') return;
  askRelease(({ outcome, note: words }) => {
    const sent = control.send(words ? { type: 'release', outcome, note: words } : { type: 'release', outcome });
    // Nothing typed from here on is admitted: do not wait for the gate to say so.
    if (sent) screen.interactive(false);
    return sent;
  });
}

function ended(reason: string): void {
  screen.interactive(false);
  closeControlDialogs();
  model.hold = null;
  model.inspecting = false;
  model.pick = null;
  tabs.offerInspect(false);
  const said = REVOKED[reason] ?? { strong: 'Control has ended.', rest: 'You are watching.' };
  note(said.strong, said.rest);
  void watchOn();
  const take = byId('take');
  if (document.activeElement === document.body && !take.hidden) take.focus();
}

function inspect(on: boolean): void {
  if (model.hold?.phase !== 'granted' || !control.send({ type: 'highlight', action: 'inspect', enabled: on })) return;
  model.inspecting = on;
  if (on) {
    showLive();
    tabs.offerInspect(true);
    tabs.select('inspect');
  } else if (!model.pick) {
    tabs.offerInspect(false);
  }
  screen.focus();
  changed();
}

function stop(): void {
  const { server } = model;
  if (!server || model.link !== 'open' || where(model) === 'ended') return;
  const what = server.run.phase === 'running' ? 'run' : 'browser';
  askStop(what, () => {
    note(what === 'run' ? 'Stopping the run.' : 'Stopping the browser.', '');
    api.post('/api/stop', { what }).catch((error: unknown) => {
      note('Stopping did not work.', error instanceof Refused ? error.message : 'The gate cannot be reached.');
    });
  });
}

function act(command: Command): void {
  const held = model.hold?.phase === 'granted';
  switch (command) {
    case 'take':
      void take();
      break;
    case 'release':
      release();
      break;
    case 'inspect':
      if (held) inspect(!model.inspecting);
      break;
    case 'paste':
      if (held) paste();
      break;
    case 'stop':
      stop();
      break;
    case 'video':
      toggleVideo();
      break;
    case 'leave':
      if (screen.focused) (held ? byId('release') : byId('take')).focus();
      break;
  }
}

function paste(): void {
  askPaste((words) => control.send({ type: 'paste', text: words }));
}

function toggleVideo(): void {
  tabs.select('video');
  if (model.show.kind === 'video') showLive();
  else if (model.server?.video.status === 'recorded') showVideo();
}

// The connection

function admit(session: Session): void {
  model.me = session.me;
  model.seat = session.seat.id;
  model.link = 'open';
  screen.reachable = true;
  presence.present(true);
  if (fragment.get('k') === '1') {
    fragment.delete('k');
    void api.post('/api/keep', { on: true }).catch(() => note('Keeping could not be changed.', ''));
  }
  accept(session.state);
  // After a reload or a broken network the lease may still be reserved for this seat.
  const mine = session.state.lease.holder?.seat === session.seat.id;
  if (mine && !control.wanted) {
    model.hold = { phase: 'opening', epoch: session.state.lease.epoch, endsAt: null };
    control.start();
  }
}

function accept(state: State): void {
  model.server = state;
  model.at = performance.now();
  screen.want(state.browser.alive && state.browser.display !== null);
  // An older state may still be on its way after a grant: its epoch tells.
  const hold = model.hold;
  if (hold && hold.phase !== 'asking' && state.lease.epoch >= hold.epoch && state.lease.holder?.seat !== model.seat) {
    control.end();
    ended('other');
  }
  if (state.run.phase === 'finished' && !concluded) void finish(state);
  changed();
}

/** Errors in words and the chapters of the video are in results.json alone. */
async function finish(state: State): Promise<void> {
  concluded = true;
  try {
    conclude(model.story, await api.get(address('results.json')));
    changed();
  } catch {
    // A run that could not write its results: the events told what there is. Asked again with the next state.
    concluded = state.video.status !== 'pending';
  }
}

async function listenTo(): Promise<void> {
  listening = new AbortController();
  heardAt = performance.now();
  for await (const message of api.events(lastSeq, listening.signal)) {
    heardAt = performance.now();
    linkRetry.reset();
    if (message === null) continue;
    const data = JSON.parse(message.data) as unknown;
    if (message.event === 'run') {
      const event = data as RunEvent;
      if (event.seq <= lastSeq) continue;
      lastSeq = event.seq;
      tell(model.story, event);
    } else if (message.event === 'state') {
      accept(data as State);
    } else if (message.event === 'notice') {
      noticed(data as Notice);
    }
    changed();
  }
}

function noticed(notice: Notice): void {
  if (notice.code === 'idle_expiring') {
    atOnce(notice.message);
    presence.beat();
  } else if (notice.code === 'input_ignored') {
    ignored();
  } else {
    note(notice.message, '');
  }
}

/** Input tried without the lease goes nowhere; that is said once. */
function ignored(): void {
  if (triedInput) return;
  triedInput = true;
  note('You are only watching.', offer(model).kind === 'not' ? 'What you type or click here goes nowhere.' : 'What you type or click here goes nowhere until you take over.');
}

async function connect(token: string | null): Promise<void> {
  for (;;) {
    try {
      admit(await enter(token));
      token = null;
      renewLater();
    } catch (error) {
      if (error instanceof Refused && error.status === 410) return gone(error.message);
      if (error instanceof Refused && error.status === 401) {
        refuse(token ? 'used' : api.seat ? 'seat' : 'none');
        return;
      }
      lost();
      // With the browser the program behind it has ended: nobody is left to be asked.
      if (where(model) === 'ended') return;
      await linkRetry.wait();
      continue;
    }
    try {
      await listenTo();
    } catch {
      // Whether the network broke, the gate started anew or the seat ended, entering again tells.
    }
    await linkRetry.wait();
  }
}

/** The pod is gone: unlike a broken tunnel, it does not come back. */
function gone(message: string): void {
  const { server } = model;
  if (!server) return refuse('seat');
  server.browser.alive = false;
  server.browser.ended ??= { why: 'lost', message, at: new Date().toISOString() };
  control.end();
  screen.want(false);
  lost();
}

function lost(): void {
  model.link = 'lost';
  screen.reachable = false;
  presence.present(false);
  changed();
}

/** The token of the address, else the seat that this tab has had. */
async function enter(token: string | null): Promise<Session> {
  try {
    return await api.session(token);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 401) throw error;
    if (token && api.seat) return enter(null);
    if (!client) throw error;
    // The ticket was used or too old, or the seat is gone: the person's program has another one.
    return api.session(await client.ticket(false));
  }
}

function refuse(why: string): void {
  if (model.server && where(model) === 'ended') return;
  api.forget();
  presence.present(false);
  control.end();
  screen.want(false);
  model.link = 'refused';
  model.refusal = why;
  changed();
}

// Wiring

byId('take').addEventListener('click', () => void take());
byId('take-here').addEventListener('click', () => void take());
byId('release').addEventListener('click', release);
byId('stop').addEventListener('click', stop);
byId('live').addEventListener('click', () => {
  showLive();
  if (model.hold?.phase === 'granted') screen.focus();
});
byId('inspect').addEventListener('click', () => inspect(!model.inspecting));
byId('paste').addEventListener('click', paste);
byId<HTMLInputElement>('keep').addEventListener('change', (event) => {
  const { checked } = event.target as HTMLInputElement;
  if (model.server) model.server.keep.on = checked;
  api.post('/api/keep', { on: checked }).catch(() => note('Keeping could not be changed.', ''));
});
const letters = byId<HTMLInputElement>('letters');
letters.checked = localStorage.getItem('handback.letters') !== 'off';
letters.addEventListener('change', () => {
  localStorage.setItem('handback.letters', letters.checked ? 'on' : 'off');
  changed();
});
byId('picture').addEventListener('pointerdown', () => {
  if (model.hold === null) ignored();
}, { capture: true });
document.addEventListener('focusin', changed);
document.addEventListener('focusout', changed);
listen({
  act,
  releaseKeys: () => screen.releaseKeys(),
  escape() {
    if (model.inspecting) inspect(false);
    else if (model.show.kind !== 'live' && !screen.focused) showLive();
    else return false;
    return true;
  },
  driving: () => screen.focused && model.hold?.phase === 'granted',
  letters: () => letters.checked,
});
addEventListener('online', () => {
  linkRetry.now();
  screen.hurry();
  control.hurry();
});
addEventListener('pagehide', () => presence.leave());
// A page out of the back-forward cache has no connections any more.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

const onward = fragment.get('p');
if (onward?.startsWith('/runs/')) {
  void enter(fragment.get('t')).then(
    () => location.replace(onward),
    () => refuse('used'),
  );
} else {
  void connect(fragment.get('t'));
}
changed();
