// What the gate and the page say to each other: docs/takeover-protocol.md has the story.

export interface Seat {
  id: string;
  secret: string;
}

export interface State {
  run: {
    id: string;
    name: string;
    url: string;
    phase: 'running' | 'finished';
    verdict: Verdict | null;
    reason: string | null;
  };
  browser: {
    alive: boolean;
    version: string;
    sandbox: 'own' | 'container';
    display: { width: number; height: number } | null;
    ended: { why: 'idle' | 'stopped' | 'closed' | 'lost' | 'signal'; message: string; at: string } | null;
  };
  lease: {
    owner: 'none' | 'agent' | 'human';
    epoch: number;
    holder: { name: string; seat: string } | null;
    deadlineMs: number | null;
    connected: boolean;
  };
  viewers: { seat: string; name: string }[];
  keep: { on: boolean; idleLeftMs: number | null; expiring: boolean };
  takeover: {
    available: boolean;
    why: null | 'run_not_finished' | 'held' | 'display_unavailable' | 'browser_gone';
    message: string;
  };
  video: {
    status: 'recording' | 'recorded' | 'off' | 'unavailable' | 'failed' | 'pending';
    reason: string | null;
    path: string | null;
    durationMs: number | null;
  };
  player: string | null;
}

export type Verdict = 'passed' | 'failed' | 'errored' | 'aborted' | 'cancelled';

/** One line of events.ndjson. */
export interface RunEvent {
  v: number;
  run: string;
  scenario: number | null;
  seq: number;
  ts: string;
  type: string;
  data: Record<string, unknown>;
}

export interface Notice {
  code: string;
  message: string;
}

export interface Candidate {
  kind: 'role' | 'testid' | 'css' | 'xpath';
  value: string;
  matches: number;
}

export interface InspectNode {
  type: 'inspectNode';
  backendNodeId: number;
  frame: string;
  name?: string;
  candidates: Candidate[];
}

export type FromGate =
  | { type: 'lease'; state: 'granted' | 'revoked'; epoch: number; deadlineMs?: number | null; reason?: string }
  | { type: 'heartbeat'; n: number; remainingMs?: number | null }
  | { type: 'warning'; code: string; remainingMs: number }
  | InspectNode
  | { type: 'error'; code: string };

export type ToGate =
  | { type: 'heartbeat'; n: number }
  | { type: 'release'; outcome: 'finish' | 'cancel'; note?: string }
  | { type: 'paste'; text: string }
  | { type: 'highlight'; action: 'inspect'; enabled: boolean }
  | { type: 'highlight'; action: 'node'; backendNodeId: number }
  | { type: 'highlight'; action: 'hide' };
