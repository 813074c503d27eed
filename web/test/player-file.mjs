// Makes one file of the player, as the agent does.

import { readFileSync } from 'node:fs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

export function playerFile(data) {
  return read('../player/player.html')
    .replace('/*HANDBACK:TOKENS*/', () => read('../src/tokens.css'))
    .replace('/*HANDBACK:CSS*/', () => read('../player/player.css'))
    .replace('/*HANDBACK:JS*/', () => read('../player/player.js'))
    .replace('/*HANDBACK:DATA*/', () => JSON.stringify(data).replaceAll('<', '\\u003c'));
}

/** Chapters of a run whose steps follow each other, with a person's 14 s before the last step. */
export function chaptersOf(results, gap = true) {
  const chapters = [];
  let t = 0;
  results.scenarios.forEach((one, index) => {
    chapters.push({ t_ms: t, kind: 'scenario', id: String(index), title: one.name, status: one.verdict });
    one.steps.forEach((step, position) => {
      if (gap && index === results.scenarios.length - 1 && position === one.steps.length - 1) chapters.push({ t_ms: t, kind: 'gap', id: 'g1', title: '', status: null, length_ms: 14_000 });
      chapters.push({ t_ms: t, kind: 'step', id: String(step.id), title: step.description, status: step.status });
      t += Math.min(step.duration_ms, 3000) + 400;
    });
  });
  return chapters;
}
