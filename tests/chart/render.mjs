// The chart as Helm renders it, for the tests beside this.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const chart = `${root}charts/handback`;
export const HELM = process.env.HANDBACK_HELM ?? 'helm';
export const KUBECONFORM = process.env.HANDBACK_KUBECONFORM ?? 'kubeconform';

// Helm itself takes an older one than the chart wants where it was built without a version.
const KUBERNETES = '1.34.0';

/** The arguments for `helm template`, by name of a file in values/ or as `path=value`. */
function values(sets) {
  return sets.flatMap((one) => (one.includes('=') ? ['--set', one] : ['--values', `${root}tests/chart/values/${one}.yaml`]));
}

/** What Helm says to these values: {status, stdout, stderr}. */
export function template(...sets) {
  const run = ['template', 'handback', chart, '--namespace', 'handback-system', '--kube-version', KUBERNETES, ...values(sets)];
  const { status, stdout, stderr, error } = spawnSync(HELM, run, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error) throw new Error(`${HELM} does not start; scripts/test-chart.sh says where it is: ${error.message}`);
  return { status, stdout, stderr };
}

/** What the chart renders with these values, as text. */
export function text(...sets) {
  const { status, stdout, stderr } = template(...sets);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** The same as objects, by `Kind/name` or, in a namespace that is not the release's, `Kind/namespace/name`. */
export function objects(...sets) {
  const all = new Map();
  for (const object of documents(text(...sets))) {
    const { name, namespace = 'handback-system' } = object.metadata;
    const id = namespace === 'handback-system' ? `${object.kind}/${name}` : `${object.kind}/${namespace}/${name}`;
    if (all.has(id)) throw new Error(`${id} is rendered twice`);
    all.set(id, object);
  }
  return all;
}

/** YAML documents as objects. Helm reads them, with a chart made for it: Node has no parser of its own. */
export function documents(yaml) {
  const directory = mkdtempSync(`${tmpdir()}/handback-chart-`);
  try {
    writeFileSync(`${directory}/yaml`, yaml);
    const run = ['template', 'json', `${root}tests/chart/json`, '--set-file', `yaml=${directory}/yaml`];
    const printed = execFileSync(HELM, run, { encoding: 'utf8', maxBuffer: 1 << 26 });
    return JSON.parse(printed.slice(printed.indexOf('{'))).items;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
