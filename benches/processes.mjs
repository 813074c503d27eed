// Who belongs to a run, and what each of them keeps in memory (Linux).

import { readdirSync, readFileSync } from 'node:fs';

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // It has just ended.
  }
}

function children(pid) {
  let tasks = [];
  try {
    tasks = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  return tasks.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number));
}

/** What people call a process: ours by subcommand, others by program. */
function nameOf(pid) {
  const program = read(`/proc/${pid}/comm`).trim();
  if (program !== 'handback') return program;
  const subcommand = read(`/proc/${pid}/cmdline`).split('\0')[1];
  return `handback ${subcommand}`;
}

/** KiB in proportion (shared pages divided among those that share them) by name, the browser left out. */
export function memory(pid) {
  const sums = {};
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const name = nameOf(next);
    if (/^chrom/.test(name)) continue;
    open.push(...children(next));
    const size = Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${next}/smaps_rollup`))?.[1] ?? 0);
    if (size > 0) sums[name] = (sums[name] ?? 0) + size;
  }
  return sums;
}
