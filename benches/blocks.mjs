// How everything is compared: rivals take turns A B B A on the same machine, each block begins when
// the machine has nothing else to do, and what is told are medians.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** A block begins when so much of the machine was idle twice in a row. */
const IDLE = 0.85;
const LOOK_MS = 1000;
/** On a machine that is never idle, measure anyway and say so. */
const PATIENCE = 60;

export const busy = { blocks: 0, of: 0 };

/** Idle and total time of all processors so far. */
function processors() {
  const [, ...times] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].split(/\s+/);
  const all = times.slice(0, 8).map(Number);
  return { idle: all[3] + all[4], total: all.reduce((sum, each) => sum + each, 0) };
}

async function untilIdle() {
  busy.of += 1;
  let [quiet, before] = [0, processors()];
  for (let look = 0; look < PATIENCE; look += 1) {
    await pause(LOOK_MS);
    const now = processors();
    quiet = (now.idle - before.idle) / (now.total - before.total) >= IDLE ? quiet + 1 : 0;
    if (quiet === 2) return;
    before = now;
  }
  busy.blocks += 1;
}

/**
 * Runs each rival's block in turn, forwards and then backwards, `rounds` times.
 * @param rivals name to async function that gives a block's result
 * @returns name to the results of its blocks
 */
export async function takeTurns(rivals, rounds = 1) {
  const names = Object.keys(rivals);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of [...names, ...names.toReversed()]) {
      await untilIdle();
      results[name].push(await rivals[name]());
    }
  }
  return results;
}

/** Runs a program to its end: its standard output, its wall time and its exit code. */
export async function run(program, args, environment = {}) {
  const began = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (part) => { output += part; });
  child.stderr.on('data', (part) => { errors += part; });
  const ended = once(child, 'close');
  const [code] = await ended;
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output}\n${errors}`);
  return { output, ms: performance.now() - began };
}

/** The middle value. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The value that one in twenty exceeds. */
export function p95(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
}

/** A Markdown table, numbers to the right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

export const ms = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'));
export const mib = (kib) => (kib / 1024).toFixed(1);
