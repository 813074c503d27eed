// Writes the model into the page: header, banner, stage and strip.

import { byId, h, once, sign, text } from './dom';
import { clock, timeOfDay } from './format';
import { type Model, offer, sentence, where } from './model';
import { current } from './story';
import type { State } from './types';

export interface Frame {
  /** How wide the live picture is drawn, in CSS pixels. */
  drawn: number;
  now: number;
  /** By the wall clock, for how long the run has been going on. */
  today: number;
}

export function render(model: Model, frame: Frame): void {
  const at = where(model);
  const { body } = document;
  body.dataset['state'] = at;
  body.dataset['show'] = model.show.kind;
  body.toggleAttribute('data-hand', at === 'control' || at === 'inspect');
  const out = at === 'refused';
  byId('top').hidden = out;
  byId('main').hidden = out;
  byId('door').hidden = !out;
  if (out) door(model);
  else {
    header(model, frame);
    banner(model, frame.now);
    stage(model);
    strip(model, frame);
  }
}

function door(model: Model): void {
  document.title = 'Handback';
  const gone = model.refusal === 'seat';
  text(byId('door-title'), gone ? 'Your seat here has ended' : model.refusal === 'none' ? 'This address needs its key' : 'This address has been used already');
  text(
    byId('door-why'),
    gone
      ? 'This tab was away for too long, or the run behind it is over.'
      : model.refusal === 'none'
        ? 'The address that handback printed ends in #t=… and lets one tab in. That part is missing here.'
        : 'An address lets one tab in, once. That keeps a copied address from letting somebody else in.',
  );
  text(byId('door-do'), 'If a tab of this run is still open, go on there: reloading it keeps its seat. Otherwise open the newest address that the terminal of this run has printed.');
}

function header(model: Model, frame: Frame): void {
  const { server } = model;
  const at = where(model);
  const name = server?.run.name ?? 'Handback';
  text(byId('name'), name);
  document.title = server ? `${name} · Handback` : 'Handback';
  const url = byId('url');
  text(url, server?.run.url ?? '');
  url.title = server?.run.url ?? '';
  if (server) verdict(model, server, frame.today);
  const viewers = byId('viewers');
  const count = server?.viewers.length ?? 0;
  text(viewers, server && at !== 'ended' ? `${count} watching` : '');
  viewers.title = server?.viewers.map((viewer) => viewer.name).join(', ') ?? '';

  const holding = at === 'control' || at === 'inspect';
  const open = server !== null && at !== 'ended' && at !== 'lost';
  byId('release').hidden = !holding;
  const take = byId('take');
  take.hidden = !open || holding;
  const offered = offer(model);
  const asking = model.hold?.phase === 'asking';
  text(take, offered.kind === 'move' ? 'Continue here' : 'Take over');
  take.setAttribute('aria-disabled', String(offered.kind === 'not' || asking));
  take.title = offered.kind === 'not' ? offered.message : '';
  text(byId('take-why'), take.title);
  const stop = byId('stop');
  stop.hidden = !open;
  text(stop, server?.run.phase === 'running' ? 'Stop run' : 'Stop browser');
}

function verdict(model: Model, server: State, today: number): void {
  const { story } = model;
  const box = byId('verdict');
  const { phase, verdict } = server.run;
  if (phase === 'running') {
    const now = current(story);
    const of = now ? `case ${now.index + 1} of ${story.cases.length}` : '';
    const since = story.startedAt === null ? null : Math.max(today, story.lastAt ?? 0) - story.startedAt;
    once(box, 'running', () => [sign('now', ''), ' Running ', h('span', { className: 'meta', id: 'progress' })]);
    text(byId('progress'), [of, since === null ? '' : clock(Math.floor(since / 1000) * 1000)].filter(Boolean).join(' · '));
    return;
  }
  const passed = story.cases.filter((one) => one.verdict === 'passed').length;
  const count = story.cases.length > 0 ? `${passed} of ${story.cases.length}` : '';
  once(box, `${verdict} ${count}`, () => {
    const word = { passed: 'Passed', failed: 'Failed', errored: 'Errored', aborted: 'Aborted', cancelled: 'Cancelled' }[verdict ?? 'cancelled'];
    const colour = verdict === 'passed' ? 'ok' : verdict === 'cancelled' || verdict === null ? 'soft' : 'no';
    const mark = verdict === 'passed' ? sign('ok', '') : verdict === 'cancelled' || verdict === null ? sign('skip', '') : sign('no', '');
    return [h('span', { className: colour }, mark, ` ${word} `), h('span', { className: 'meta', title: count ? `${count} cases passed` : '' }, count)];
  });
  box.title = server.run.reason?.replaceAll('_', ' ') ?? '';
}

function banner(model: Model, now: number): void {
  const said = sentence(model, now);
  once(byId('sentence'), `${said.strong}|${said.rest}`, () => [h('strong', {}, said.strong), ' ', ...withKeys(said.rest)]);
  text(byId('aside'), said.aside);
  const left = byId('left');
  text(left, said.left);
  left.classList.toggle('short', said.short);
  const at = where(model);
  const held = model.hold?.phase === 'granted' && (at === 'control' || at === 'inspect');
  byId('live').hidden = model.show.kind === 'live';
  text(byId('live'), at === 'ended' ? 'Back to the last picture' : 'Back to live');
  const inspect = byId('inspect');
  inspect.hidden = !held || model.show.kind !== 'live';
  text(inspect, model.inspecting ? 'Stop inspecting' : 'Inspect');
  byId('paste').hidden = !held || model.inspecting || model.show.kind !== 'live';
}

/** `[Esc]` in our own sentences is a key. */
function withKeys(words: string): (string | HTMLElement)[] {
  return words.split(/\[(Esc)\]/).map((part, index) => (index % 2 === 1 ? h('kbd', {}, part) : part));
}

function stage(model: Model): void {
  const at = where(model);
  const { server, show } = model;
  const screen = byId('screen');
  const display = server?.browser.display;
  if (display) {
    screen.style.setProperty('--w', String(display.width));
    screen.style.setProperty('--h', String(display.height));
  }
  const live = show.kind === 'live';
  const shot = byId<HTMLImageElement>('shot');
  shot.hidden = show.kind !== 'shot';
  if (show.kind === 'shot' && shot.dataset['path'] !== show.path) {
    shot.dataset['path'] = show.path;
    shot.src = show.path;
    shot.alt = `Picture of the page. ${show.label}`;
  }
  byId('video').hidden = show.kind !== 'video';

  const waiting = live && model.picture !== 'live' && model.lastPictureAt === null;
  byId('blank').hidden = !waiting;
  if (waiting) text(byId('blank-text'), blank(model));

  const here = byId('over');
  here.hidden = !(live && at === 'finished' && offer(model).kind !== 'not' && model.hold === null);
  text(byId('take-here'), offer(model).kind === 'move' ? 'Continue here' : 'Take over');
  const last = byId('last');
  const still = live && model.lastPictureAt !== null && model.picture !== 'live';
  last.hidden = !still;
  if (still && model.lastPictureAt) text(last, `Last picture, ${timeOfDay(model.lastPictureAt)}`);
}

/** Why there is no picture. */
function blank(model: Model): string {
  const { server } = model;
  if (!server) return '';
  if (!server.browser.alive) return server.browser.ended ? 'No picture of this browser was kept in this tab. The steps have theirs.' : 'The browser is starting.';
  if (!server.browser.display) return 'There is no live picture of this browser: it runs without a display. Its steps and their pictures appear as the run goes on.';
  return 'Fetching the picture.';
}

function strip(model: Model, frame: Frame): void {
  const at = where(model);
  const { server } = model;
  const finished = server?.run.phase === 'finished';
  const key = (name: string, what: string) => h('span', {}, h('kbd', {}, name), ` ${what}`);
  const keys = byId('keys');
  const letters = byId<HTMLInputElement>('letters').checked;
  const video = server?.video.status === 'recorded';
  once(keys, `${at} ${finished} ${letters} ${video} ${offer(model).kind}`, () => {
    if (at === 'control' || at === 'inspect') {
      return [
        h('span', {}, h('kbd', {}, 'Ctrl'), ' ', h('kbd', {}, 'Alt'), ' ', h('kbd', {}, 'Shift'), ' with ', h('kbd', {}, 'R'), ' hand back'),
        key('I', at === 'inspect' ? 'stop inspecting' : 'inspect'),
        key('P', 'paste'),
        key('Esc', 'leave the screen'),
      ];
    }
    if (!letters || (at !== 'watching' && at !== 'finished' && at !== 'ended')) return [];
    if (at === 'ended') return video ? [key('V', 'video')] : [];
    return [
      offer(model).kind === 'not' ? (finished ? null : key('T', 'take over, once the run has ended')) : key('T', offer(model).kind === 'move' ? 'continue here' : 'take over'),
      video ? key('V', 'video') : null,
      key('S', finished ? 'stop browser' : 'stop run'),
    ];
  });
  const display = server?.browser.display;
  const size = display && model.picture === 'live' && model.show.kind === 'live' ? `${display.width} × ${display.height}, shown at ${Math.round((frame.drawn / display.width) * 100)} %` : '';
  text(byId('size'), size);
  const keep = byId<HTMLInputElement>('keep');
  byId('keep-label').hidden = !server?.browser.alive || (at !== 'watching' && at !== 'finished');
  if (server) keep.checked = server.keep.on;
  byId('letters-label').hidden = at === 'control' || at === 'inspect' || at === 'ended' || at === 'lost';
}
