// What the page knows, and where that puts the person in front of it. Pure.

import { clock } from './format';
import { type Story, runningStep } from './story';
import type { InspectNode, State } from './types';
import type { Picture } from './screen';

export type Link = 'opening' | 'open' | 'lost' | 'refused';

export type Show =
  | { kind: 'live' }
  | { kind: 'shot'; path: string; label: string; key: string }
  | { kind: 'video' };

export interface Hold {
  phase: 'asking' | 'opening' | 'granted' | 'lost';
  epoch: number;
  endsAt: number | null;
}

export interface Model {
  link: Link;
  refusal: string;
  me: string;
  seat: string | null;
  server: State | null;
  /** When `server` arrived, by performance.now(): its durations count from there. */
  at: number;
  story: Story;
  picture: Picture;
  lastPictureAt: Date | null;
  hold: Hold | null;
  inspecting: boolean;
  pick: InspectNode | null;
  show: Show;
  focused: boolean;
  note: { strong: string; rest: string } | null;
}

export type Where = 'opening' | 'refused' | 'lost' | 'ended' | 'inspect' | 'control' | 'watching' | 'finished';

export function where(model: Model): Where {
  const { server, link } = model;
  if (link === 'refused') return 'refused';
  if (!server) return link === 'lost' ? 'lost' : 'opening';
  // A browser that is gone stays gone, whatever becomes of the program that served it.
  if (!server.browser.alive && server.browser.ended) return 'ended';
  if (link === 'lost') return 'lost';
  if (model.hold && model.hold.phase !== 'asking') return model.inspecting ? 'inspect' : 'control';
  return server.run.phase === 'running' ? 'watching' : 'finished';
}

/** What Take over can do now. */
export type Offer =
  | { kind: 'take' }
  | { kind: 'move' }
  | { kind: 'not'; message: string };

export function offer(model: Model): Offer {
  const { server } = model;
  if (!server) return { kind: 'not', message: '' };
  const holder = server.lease.holder;
  if (holder && holder.seat !== model.seat && holder.name === model.me) return { kind: 'move' };
  if (holder && holder.seat !== model.seat) return { kind: 'not', message: `${holder.name} is in control.` };
  if (server.takeover.available) return { kind: 'take' };
  // Reserved for this very seat: asking again gets it back.
  if (holder && holder.seat === model.seat) return { kind: 'take' };
  return { kind: 'not', message: server.takeover.message };
}

export interface Sentence {
  strong: string;
  /** Part of the live region: changes are spoken. */
  rest: string;
  /** Changes too often to be spoken. */
  aside: string;
  /** Time left, counted down. */
  left: string;
  short: boolean;
}

/** The sentence that says where you are: who drives, what happens now, how long it lasts. */
export function sentence(model: Model, now: number): Sentence {
  const said: Sentence = { strong: '', rest: '', aside: '', left: '', short: false };
  const { server, hold } = model;
  const at = where(model);
  const holding = at === 'control' || at === 'inspect';
  if (holding && hold?.phase === 'granted' && hold.endsAt !== null) {
    const ms = hold.endsAt - now;
    said.left = `${clock(ms)} left.`;
    said.short = ms <= 60_000;
  }
  if (model.note && at !== 'lost' && at !== 'ended') return { ...said, strong: model.note.strong, rest: model.note.rest };
  if (model.show.kind === 'shot' && at !== 'lost') {
    return { ...said, strong: 'Looking back.', rest: model.show.label, aside: holding ? 'The browser is still in your hands.' : '' };
  }
  if (model.show.kind === 'video' && at !== 'lost') {
    return { ...said, strong: 'The recording.', aside: holding ? 'The browser is still in your hands.' : '' };
  }
  switch (at) {
    case 'opening':
      said.strong = 'Connecting.';
      break;
    case 'refused':
      break;
    case 'lost':
      said.strong = 'The connection is lost.';
      said.rest = hold ? 'Nothing you type arrives. Your place is kept for a minute. Trying again.' : 'Trying again. What you see is the last picture.';
      break;
    case 'ended':
      said.strong = 'This browser is closed.';
      said.rest = `${server?.browser.ended?.message ?? ''} The results stay${server?.video.path ? ', and so does the recording' : ''}.`.trim();
      break;
    case 'inspect':
      said.strong = 'Inspecting.';
      said.rest = 'Click an element to pick it; the click stays here. [Esc] ends it.';
      break;
    case 'control':
      if (hold?.phase === 'opening') {
        said.strong = 'Taking over.';
        said.rest = 'One moment.';
      } else if (hold?.phase === 'lost') {
        said.strong = 'The connection to the controls broke.';
        said.rest = 'Nothing you type arrives. Your place is kept for a minute. Trying again.';
      } else {
        said.strong = 'You are in control.';
        said.aside = model.focused ? 'Everything you type goes to this browser.' : 'Click the screen, and what you type goes to this browser.';
      }
      break;
    case 'watching':
      said.strong = 'You are watching.';
      said.aside = doing(model);
      break;
    case 'finished': {
      const holder = server?.lease.holder;
      const { takeover, keep } = server as State;
      const deadline = server?.lease.deadlineMs;
      if (holder && holder.seat !== model.seat) {
        const mine = holder.name === model.me;
        said.strong = mine ? 'You are in control in another tab.' : `${holder.name} is in control.`;
        said.rest = mine ? 'Continue here moves it to this one.' : 'You are watching.';
        if (typeof deadline === 'number') said.left = `${clock(deadline - (now - model.at))} left.`;
      } else {
        said.strong = 'The run has ended; this browser has not.';
        if (!takeover.available && takeover.message) said.rest = takeover.message;
        if (keep.idleLeftMs !== null) {
          said.left = `Kept for ${clock(keep.idleLeftMs - (now - model.at))} more, longer while somebody watches.`;
          said.short = keep.expiring;
        } else {
          said.aside = 'Kept while somebody watches.';
        }
      }
      break;
    }
  }
  return said;
}

function doing(model: Model): string {
  const { story, server } = model;
  const step = runningStep(story);
  if (step) return `The agent is at step ${step.number}: ${step.text}`;
  if (server?.lease.owner === 'agent') return 'The agent drives.';
  return story.status ?? 'The run is starting.';
}
