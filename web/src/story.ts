// The run as it is told: cases, steps and checks, folded from the run's events and, once it is there,
// from results.json. Pure: no DOM, no clock.

import type { RunEvent, Verdict } from './types';

export type StepStatus = 'running' | 'completed' | 'failed' | 'skipped';

export interface Step {
  key: string;
  id: string;
  number: number;
  text: string;
  status: StepStatus;
  /** The step ended well but what it checked does not hold. */
  unmet: boolean;
  ms: number | null;
  why: string | null;
  shot: string | null;
  at: number;
  videoMs: number | null;
}

export interface Check {
  id: string;
  kind: string;
  text: string;
  status: 'pending' | 'passed' | 'failed' | 'uncovered';
  why: string | null;
  verified: boolean;
}

export interface Case {
  index: number;
  name: string;
  verdict: Verdict | 'skipped' | null;
  started: boolean;
  ms: number | null;
  reasons: string[];
  at: number;
  videoMs: number | null;
  entries: ({ kind: 'step'; step: Step } | { kind: 'said'; text: string })[];
  checks: Check[];
  /** How many checks the plan has, known before their texts are. */
  expected: number;
}

export interface Story {
  cases: Case[];
  /** What happens before the first case: connecting, trying the address. */
  status: string | null;
  problem: string | null;
  startedAt: number | null;
  lastAt: number | null;
  /** When recording began, and the pauses since: a step's place in the video follows from them. */
  recording: { since: number; paused: number; pausedAt: number | null } | null;
  latestShot: string | null;
  ended: boolean;
}

export function emptyStory(): Story {
  return {
    cases: [], status: null, problem: null, startedAt: null, lastAt: null, recording: null,
    latestShot: null, ended: false,
  };
}

const str = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const num = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};

export function steps(one: Case): Step[] {
  return one.entries.flatMap((entry) => (entry.kind === 'step' ? [entry.step] : []));
}

export function isBad(step: Step): boolean {
  return step.status === 'failed' || step.unmet;
}

/** The case under way, or the last one that started. */
export function current(story: Story): Case | null {
  return story.cases.findLast((one) => one.started) ?? null;
}

export function runningStep(story: Story): Step | null {
  const now = current(story);
  return now && now.verdict === null ? (steps(now).findLast((step) => step.status === 'running') ?? null) : null;
}

function caseAt(story: Story, index: number): Case {
  while (story.cases.length <= index) {
    story.cases.push({
      index: story.cases.length, name: '', verdict: null, started: false, ms: null, reasons: [],
      at: 0, videoMs: null, entries: [], checks: [], expected: 0,
    });
  }
  return story.cases[index] as Case;
}

function check(raw: unknown): Check {
  const { id, kind, text } = record(raw);
  return {
    id: String(id ?? ''), kind: str(kind) ?? 'verify', text: str(text) ?? str(raw) ?? '',
    status: 'pending', why: null, verified: true,
  };
}

function describe(one: Case, raw: unknown): void {
  const data = record(raw);
  one.name = str(data['name']) ?? one.name;
  const checks = list(data['checks']);
  if (checks.length > 0 && one.checks.length === 0) one.checks = checks.map(check);
  one.expected = Math.max(one.expected, num(data['checks']) ?? 0, one.checks.length);
}

function videoMs(story: Story, at: number): number | null {
  const recording = story.recording;
  if (!recording) return null;
  return Math.max(0, (recording.pausedAt ?? at) - recording.since - recording.paused);
}

function findStep(story: Story, id: unknown): Step | null {
  const now = current(story);
  if (!now || id === null || id === undefined) return null;
  return steps(now).findLast((step) => step.id === String(id)) ?? null;
}

/** Takes one event into the story. Unknown types change nothing. */
export function tell(story: Story, event: RunEvent): void {
  const { data } = event;
  const at = Date.parse(event.ts);
  story.lastAt = at;
  switch (event.type) {
    case 'run_start':
      story.startedAt = at;
      list(data['scenarios']).forEach((one, index) => describe(caseAt(story, index), one));
      break;
    case 'status':
      story.status = str(data['message']) ?? str(data['phase']);
      break;
    case 'error':
      story.problem = str(data['message']) ?? str(data['code']);
      break;
    case 'scenario_start': {
      const one = caseAt(story, num(data['index']) ?? story.cases.length);
      describe(one, data);
      one.started = true;
      one.at = at;
      one.videoMs = videoMs(story, at);
      break;
    }
    case 'scenario_complete': {
      const one = caseAt(story, num(data['index']) ?? Math.max(0, story.cases.length - 1));
      one.name = str(data['name']) ?? one.name;
      one.started = true;
      one.verdict = str(data['verdict']) as Case['verdict'];
      one.ms = num(data['duration_ms']);
      one.reasons = list(data['reasons']).map(String);
      break;
    }
    case 'step':
      step(story, data, at);
      break;
    case 'assertion':
      assertion(story, data);
      break;
    case 'reasoning': {
      const said = str(data['text']);
      if (said) current(story)?.entries.push({ kind: 'said', text: said });
      break;
    }
    case 'screenshot': {
      const path = str(data['path']);
      story.latestShot = path ?? story.latestShot;
      const of = findStep(story, data['step']);
      if (of && path) of.shot = path;
      break;
    }
    case 'video':
      recording(story, str(data['state']), at);
      break;
    case 'report':
      story.ended = true;
      break;
  }
}

function step(story: Story, data: Record<string, unknown>, at: number): void {
  const one = current(story) ?? caseAt(story, 0);
  one.started = true;
  const id = String(data['id'] ?? '');
  let found = steps(one).findLast((step) => step.id === id);
  if (!found) {
    found = {
      key: `${one.index}-${id}`, id, number: num(data['id']) ?? steps(one).length + 1, text: '', status: 'running', unmet: false,
      ms: null, why: null, shot: null, at, videoMs: videoMs(story, at),
    };
    one.entries.push({ kind: 'step', step: found });
  }
  found.text = str(data['description']) ?? str(data['action']) ?? str(data['tool']) ?? found.text;
  found.status = (str(data['status']) as StepStatus | null) ?? found.status;
  found.ms = found.status === 'running' ? null : (num(data['duration_ms']) ?? found.ms);
  found.why = reason(data) ?? found.why;
  found.shot = str(data['screenshot']) ?? found.shot;
}

/** Why a step failed, in words: its error's message, else its code. */
function reason(data: Record<string, unknown>): string | null {
  const error = data['error'];
  const said = str(error) ?? str(record(error)['message']);
  return said ?? str(data['code'])?.replaceAll('_', ' ') ?? null;
}

function assertion(story: Story, data: Record<string, unknown>): void {
  const one = current(story);
  if (!one) return;
  const passed = data['passed'] === true;
  const why = str(data['evidence']);
  const of = findStep(story, data['step']);
  if (of && !passed) {
    of.unmet = true;
    of.why = why ?? of.why;
  }
  if (of) of.shot = str(data['screenshot']) ?? of.shot;
  const id = data['check'];
  if (id === null || id === undefined) return;
  let about = one.checks.find((each) => each.id === String(id));
  if (!about) {
    about = { ...check({ id, text: data['description'] }) };
    one.checks.push(about);
  }
  // Once failed, a check stays failed (agent.md 8.1).
  if (about.status !== 'failed') {
    about.status = passed ? 'passed' : 'failed';
    about.why = why;
    about.verified = data['verified'] !== false;
  }
}

function recording(story: Story, state: string | null, at: number): void {
  const now = story.recording;
  if (state === 'started') story.recording = { since: at, paused: 0, pausedAt: null };
  else if (state === 'paused' && now) now.pausedAt = at;
  else if (state === 'resumed' && now && now.pausedAt !== null) {
    now.paused += at - now.pausedAt;
    now.pausedAt = null;
  }
}

/** Takes what only results.json has: errors in words, the final checks, the video's own chapters. */
export function conclude(story: Story, results: unknown): void {
  const all = record(results);
  const error = record(all['error']);
  story.problem = str(error['message']) ?? story.problem;
  list(all['scenarios']).forEach((raw, position) => {
    const from = record(raw);
    const one = caseAt(story, num(from['index']) ?? position);
    one.name = str(from['name']) ?? one.name;
    one.verdict = (str(from['verdict']) as Case['verdict']) ?? one.verdict;
    one.ms = num(from['duration_ms']) ?? one.ms;
    one.reasons = list(from['reasons']).map(String);
    const evidence = new Map(list(from['assertions']).map((each) => [String(record(each)['id']), record(each)]));
    for (const each of list(from['steps'])) {
      const data = record(each);
      const found = steps(one).find((step) => step.id === String(data['id']));
      if (!found) continue;
      found.shot = str(data['screenshot']) ?? found.shot;
      if (!found.unmet) found.why = reason(data) ?? found.why;
    }
    const checks = list(from['checks']);
    if (checks.length > 0) {
      one.checks = checks.map((each) => {
        const data = record(each);
        const told = list(data['assertions']).map((id) => evidence.get(String(id))).filter((a) => a !== undefined);
        const decisive = told.find((a) => a['passed'] === false) ?? told.at(-1);
        return {
          ...check(each),
          status: (str(data['status']) as Check['status'] | null) ?? 'uncovered',
          why: decisive ? str(decisive['evidence']) : null,
          verified: decisive ? decisive['verified'] !== false : true,
        };
      });
    }
  });
  chapters(story, all);
}

/** Chapters come in order: a scenario's, whose id is its index, then its steps'. */
function chapters(story: Story, results: Record<string, unknown>): void {
  const from = list(record(results['video'])['chapters']);
  const raw = from.length > 0 ? from : list(results['chapters']);
  let position = 0;
  for (const each of raw) {
    const chapter = record(each);
    const at = num(chapter['t_ms']);
    if (chapter['kind'] === 'scenario') {
      position = Number.parseInt(String(chapter['id']), 10);
      if (Number.isNaN(position)) position = 0;
      const one = story.cases[position];
      if (one) one.videoMs = at;
    } else if (chapter['kind'] === 'step') {
      const one = story.cases[position];
      const found = one && steps(one).find((step) => step.id === String(chapter['id']));
      if (found) found.videoMs = at;
    }
  }
}
