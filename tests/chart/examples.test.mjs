// What people copy for their pipelines: the action and the two examples that submit a run. The manifests
// themselves are checked by tests/it/examples.rs, with the program's own rules.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';

import { KUBECONFORM, documents, root } from './render.mjs';

const file = (path) => readFileSync(`${root}${path}`, 'utf8');
const [action] = documents(file('action.yml'));
const [workflow] = documents(file('examples/github-actions/preview.yml'));
const [gitlab] = documents(file('examples/gitlab/.gitlab-ci.yml'));
const expressions = (text, what) => [...text.matchAll(new RegExp(`\\$\\{\\{[^}]*\\b${what}\\.([\\w-]+)`, 'g'))].map(([, name]) => name);

test('objects of Kubernetes in the examples are valid', () => {
  const schemas = `${root}tests/chart/schemas/{{.ResourceKind}}{{.KindSuffix}}.json`;
  const files = readdirSync(`${root}examples/kubernetes`).map((name) => `${root}examples/kubernetes/${name}`);
  assert.ok(files.length >= 6);
  const { status, stdout } = spawnSync(KUBECONFORM, ['-strict', '-summary', '-skip', 'TestRun', '-schema-location', schemas, ...files], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

test('no example says where it is applied: that is for who applies it', () => {
  for (const name of readdirSync(`${root}examples/kubernetes`)) {
    for (const { kind, metadata } of documents(file(`examples/kubernetes/${name}`))) {
      assert.equal(metadata.namespace, undefined, `${name}: ${kind} ${metadata.name}`);
    }
  }
});

test('the action reads the inputs that it has, and all of them', () => {
  const read = new Set(expressions(file('action.yml'), 'inputs'));
  assert.deepEqual([...read].sort(), Object.keys(action.inputs).sort());
  for (const [name, { description, required, default: value }] of Object.entries(action.inputs)) {
    assert.ok(description, `${name} has no description`);
    assert.ok(required || value !== undefined, `${name} is neither required nor has a default`);
  }
  const written = [...file('action.yml').matchAll(/echo "([\w-]+)=/g)].map(([, name]) => name);
  assert.deepEqual(expressions(JSON.stringify(action.outputs), 'outputs').sort(), [...new Set(written)].sort());
});

test('no script has an expression in it: what a stranger wrote could become a command', () => {
  for (const { run } of [...action.runs.steps, ...workflow.jobs.handback.steps]) {
    assert.ok(!run?.includes('${{'), run);
  }
});

test('every script is bash', () => {
  const scripts = [...action.runs.steps, ...workflow.jobs.handback.steps].flatMap(({ run }) => run ?? []).concat(gitlab.preview.script.join('\n'));
  assert.ok(scripts.length >= 4);
  for (const script of scripts) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
    assert.equal(status, 0, `${stderr}\n${script}`);
  }
});

test('the workflow gives the action what it wants, and takes what it has', () => {
  const steps = workflow.jobs.handback.steps;
  const step = steps.find(({ uses }) => uses?.includes('/handback@'));
  const names = Object.keys(step.with);
  assert.deepEqual(names.filter((name) => !(name in action.inputs)), []);
  assert.deepEqual(Object.entries(action.inputs).filter(([name, { required }]) => required && !names.includes(name)), []);
  for (const name of step.with.variables.split(' ')) assert.ok(name in step.env, `${name} has no value`);
  const taken = [...JSON.stringify(steps).matchAll(/steps\.handback\.outputs\.([\w-]+)/g)].map(([, name]) => name);
  assert.deepEqual(taken.filter((name) => !(name in action.outputs)), []);
  for (const { uses } of steps) assert.ok(!uses || /@v\d/.test(uses), `${uses} has no version`);
  // "on" is a truth value to YAML 1.1.
  assert.ok((workflow.on ?? workflow.true) !== undefined);
  assert.deepEqual(workflow.permissions, { contents: 'read' });
});

test('the words of the manifest are those that pipelines fill in', () => {
  const words = [...new Set([...file('examples/github-actions/testrun.yaml').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name))].sort();
  const step = workflow.jobs.handback.steps.find(({ uses }) => uses?.includes('/handback@'));
  assert.deepEqual(words, step.with.variables.split(' ').sort());
  assert.deepEqual(words, Object.keys(gitlab.preview.variables).sort());
});

test('GitLab gets a report and the player, also of a run that failed', () => {
  const { artifacts, script } = gitlab.preview;
  assert.equal(artifacts.when, 'always');
  assert.equal(artifacts.reports.junit, 'handback-results/junit.xml');
  assert.deepEqual(artifacts.paths, ['handback-results/']);
  assert.match(script.at(-1), /--junit handback-results\/junit\.xml --out handback-results$/);
});

// --- The action's script, with a program in the place of ours ----------------------------------------

const temporary = mkdtempSync(`${tmpdir()}/handback-action-`);
after(() => rmSync(temporary, { recursive: true }));

/** Starts the step that submits; `program` is what runs instead of handback. */
function submit(name, program, env) {
  const home = `${temporary}/${name}`;
  mkdirSync(`${home}/temp/handback`, { recursive: true });
  writeFileSync(`${home}/temp/handback/handback`, `#!/bin/bash\n${program}\n`);
  chmodSync(`${home}/temp/handback/handback`, 0o755);
  writeFileSync(`${home}/output`, '');
  const { run } = action.runs.steps.find(({ id }) => id === 'submit');
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', run], {
    cwd: home,
    env: {
      PATH: process.env.PATH, RUNNER_TEMP: `${home}/temp`, GITHUB_OUTPUT: `${home}/output`,
      MANIFEST: `${root}examples/github-actions/testrun.yaml`, VARIABLES: '', GIVEN_KUBECONFIG: '', NAMESPACE: '', RESULTS: 'results', ON_INTERRUPT: 'cancel',
      ...env,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'close').then(([code]) => ({ code, said, output: readFileSync(`${home}/output`, 'utf8') }));
  return { home, child, ended };
}

test('the manifest gets the values that were named, and no others', async () => {
  const program = 'cat "$3"; printf "%s\\n" "$@"; cat "$KUBECONFIG"; exit 1';
  const { ended, home } = submit('fills', program, {
    VARIABLES: 'PULL_REQUEST\nREVISION', PULL_REQUEST: '42', REVISION: 'a&b/\\1', RUN_ID: '7', NAMESPACE: 'previews', GIVEN_KUBECONFIG: 'a: secret',
  });
  const { code, said, output } = await ended;
  assert.equal(code, 1, said);
  assert.match(said, /^ {2}name: pr-42-\$\{RUN_ID\}$/m);
  assert.match(said, /^ {4}revision: "a&b\/\\1"$/m);
  assert.match(said, /--wait\n--on-interrupt\ncancel\n--junit\nresults\/junit\.xml\n--out\nresults\n--namespace\npreviews\na: secret$/);
  assert.equal(output, 'results=results\njunit=results/junit.xml\nexit-code=1\n');
  assert.deepEqual(readdirSync(`${home}/temp/handback`).sort(), ['handback', 'run.yaml'], 'the kubeconfig does not stay');
});

test('a name without a value, and one that is none, are refused before anything is submitted', async () => {
  for (const [name, VARIABLES] of [['none', 'NOBODY'], ['odd', '$(id)']]) {
    const { code, said } = await submit(name, 'echo submitted', { VARIABLES }).ended;
    assert.equal(code, 2);
    assert.match(said, /::error::the input variables names/);
    assert.ok(!said.includes('submitted'));
  }
});

test('a cancelled job is told to the program, and its own exit code counts', async () => {
  const { child, ended } = submit('cancelled', 'trap "sleep 0.3; echo told; exit 5" TERM; echo ready; while :; do sleep 0.05; done', {});
  await new Promise((resolve) => child.stdout.on('data', (chunk) => String(chunk).includes('ready') && resolve()));
  child.kill('SIGINT');
  const { code, said, output } = await ended;
  assert.deepEqual([code, said], [5, 'ready\ntold\n']);
  assert.match(output, /exit-code=5\n$/);
});
