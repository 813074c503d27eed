// The chart, without a cluster: what it renders with which values, and that it agrees with the code.
// scripts/test-chart.sh runs it and knows where Helm and kubeconform are.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { HELM, KUBECONFORM, chart, documents, objects, root, template, text } from './render.mjs';

const file = (path) => readFileSync(`${root}${path}`, 'utf8');

/** What kubeconform says: {status, output}. */
function conform(yaml) {
  const schemas = `${root}tests/chart/schemas/{{.ResourceKind}}{{.KindSuffix}}.json`;
  const { status, stdout, stderr, error } = spawnSync(KUBECONFORM, ['-strict', '-summary', '-schema-location', schemas], { input: yaml, encoding: 'utf8' });
  if (error) throw error;
  return { status, output: stdout + stderr };
}

test('helm lint has nothing to say', () => {
  const { status, stdout } = spawnSync(HELM, ['lint', '--strict', '--quiet', '--kube-version', '1.34.0', chart], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

for (const sets of [[], ['everything'], ['little'], ['watchNamespaces={team-a}'], ['networkPolicy.namespaces={team-a}', 'networkPolicy.egress.enabled=false']]) {
  test(`what it renders is valid: ${sets.join(', ') || 'as it comes'}`, () => {
    const { status, output } = conform(text(...sets));
    assert.equal(status, 0, output);
    assert.match(output, /Invalid: 0, Errors: 0, Skipped: 0/);
  });
}

test('a field that Kubernetes does not know would be seen', () => {
  const { status, output } = conform(text().replace('replicas: 1', 'replcas: 1'));
  assert.equal(status, 1);
  assert.match(output, /additional properties 'replcas' not allowed/);
});

test('values that mean nothing are refused, with their place', () => {
  for (const [set, message] of [
    ['replcas=2', "additional properties 'replcas' not allowed"],
    ['replicas=two', "at '/replicas': got string, want integer"],
    ['imagePullPolicy=Sometimes', "at '/imagePullPolicy'"],
    ['image.repository=', "at '/image/repository'"],
    ['image.digest=sha256:12', "at '/image/digest'"],
    ['metrics.serviceMonitor.enable=true', "at '/metrics/serviceMonitor': additional properties 'enable' not allowed"],
    ['browser.seccompProfile=/abs/path.json', "at '/browser/seccompProfile'"],
    ['watchNamespaces={Team A}', "at '/watchNamespaces/0'"],
    ['networkPolicy.egress.deniedCIDRs={10.0.0.1}', "at '/networkPolicy/egress/deniedCIDRs/0'"],
    ['profiles[0].limits.maxSecond=60', "at '/profiles/0/limits': additional properties 'maxSecond' not allowed"],
    ['profiles[0].limits.maxSeconds=0', "at '/profiles/0/limits/maxSeconds'"],
    ['profiles[0].defaults.s3.bucket=runs', "at '/profiles/0/defaults/s3': missing property 'endpoint'"],
    ['profiles[0].policy.dialogs=Maybe', "at '/profiles/0/policy/dialogs'"],
    ['roles.labels.owner.a=b', "at '/roles/labels': additional properties 'owner' not allowed"],
  ]) {
    const { status, stderr } = template(set);
    assert.notEqual(status, 0, `${set} is accepted`);
    assert.ok(stderr.includes(message), `${set}: ${message} is not in ${stderr}`);
  }
});

test('values that contradict each other are refused in words', () => {
  const profiles = template('watchNamespaces={a}', 'profiles[0].matchLabels.team=shop');
  assert.match(profiles.stderr, /profiles\[0\]\.matchLabels: with watchNamespaces the labels of namespaces are not looked at/);
  const monitor = template('metrics.serviceMonitor.enabled=true', 'metrics.service.enabled=false');
  assert.match(monitor.stderr, /metrics\.serviceMonitor\.enabled needs metrics\.service\.enabled/);
});

test('every value that the schema knows stands in values.yaml, with a comment', () => {
  const schema = JSON.parse(file('charts/handback/values.schema.json'));
  const [values] = documents(file('charts/handback/values.yaml'));
  const missing = [];
  const walk = (known, found, path) => {
    for (const [name, one] of Object.entries(known.properties ?? {})) {
      const here = `${path}${name}`;
      const schemaOf = one.$ref ? schema.definitions[one.$ref.split('/').at(-1)] : one;
      if (here === 'global') continue;
      if (!(name in found)) missing.push(here);
      else if (schemaOf.type === 'object' && name !== 'resources') walk(schemaOf, found[name], `${here}.`);
    }
  };
  walk(schema, values, '');
  assert.deepEqual(missing, []);

  // Of a profile, in the example that is commented out or above.
  const example = file('charts/handback/values.yaml').split('\nprofiles:\n')[1].split('\nseccomp:\n')[0];
  const profile = schema.definitions.profile.properties;
  for (const name of [...Object.keys(profile), ...['limits', 'policy', 'resources'].flatMap((one) => Object.keys(profile[one].properties))]) {
    assert.ok(example.includes(`${name}:`) || example.includes(name), `values.yaml does not tell of profiles[].${name}`);
  }

  const lines = file('charts/handback/values.yaml').split('\n');
  for (const [index, line] of lines.entries()) {
    if (!/^\w/.test(line)) continue;
    const block = lines.slice(index + 1, lines.findIndex((next, at) => at > index && /^\w/.test(next)));
    const above = lines[index - 1].startsWith('#') || /^\w/.test(lines[index - 1]);
    assert.ok(above || block.some((next) => next.trim().startsWith('#')), `${line} has no comment`);
  }
});

test('the seccomp profile for all counts also where no profile matches', () => {
  const of = (...values) => {
    const rendered = template('browser.seccompProfile=handback/browser.json', ...values);
    const map = documents(rendered.stdout).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-profiles'));
    return documents(map.data['profiles.yaml'])[0].profiles.map(({ matchLabels, seccompProfile }) => [matchLabels?.team ?? '', seccompProfile]);
  };
  assert.deepEqual(of(), [['', 'handback/browser.json']]);
  assert.deepEqual(of('profiles[0].matchLabels.team=shop'), [['shop', 'handback/browser.json'], ['', 'handback/browser.json']]);
  assert.deepEqual(of('profiles=null'), [['', 'handback/browser.json']]);
});

test('profiles are what the operator reads', () => {
  // Names of the fields of a struct, as serde writes them.
  const source = file('src/operator/profile.rs');
  const fields = (name) => {
    const body = new RegExp(`pub struct ${name} \\{([^}]*)\\}`).exec(source);
    assert.ok(body, `there is no ${name} in src/operator/profile.rs`);
    return [...body[1].matchAll(/^ {4}pub (\w+):/gm)].map(([, field]) => field.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())).sort();
  };
  const { profile } = JSON.parse(file('charts/handback/values.schema.json')).definitions;
  const known = (schema) => Object.keys(schema.properties).sort();
  assert.deepEqual(known(profile), fields('Profile'));
  assert.deepEqual(known(profile.properties.defaults), fields('Defaults'));
  assert.deepEqual(known(profile.properties.limits), fields('Limits'));
  assert.deepEqual(known(profile.properties.policy), fields('PolicySettings'));
  assert.deepEqual(known(profile.properties.resources), fields('Containers'));

  const [{ profiles }] = documents(objects('everything').get('ConfigMap/handback-profiles').data['profiles.yaml']);
  assert.deepEqual(profiles.map((one) => one.seccompProfile), ['handback/browser.json', 'other.json']);
  assert.match(objects('everything').get('ConfigMap/handback-profiles').data['profiles.yaml'], /activeDeadlineSeconds: 10000000\n/);
});

test('a default bucket is described as a run describes its own', () => {
  const { s3 } = JSON.parse(file('charts/handback/values.schema.json')).definitions;
  const [crd] = documents(file('crds/testruns.handback.dev.yaml'));
  const own = crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.artifacts.properties.s3;
  assert.deepEqual(Object.keys(s3.properties).sort(), Object.keys(own.properties).sort());
  assert.deepEqual([...s3.required].sort(), [...own.required].sort());
  for (const name of ['endpoint', 'bucket', 'prefix', 'region']) {
    assert.equal(s3.properties[name].maxLength, own.properties[name].maxLength, name);
  }
});

test('copies are copies', () => {
  const again = 'make crds writes both';
  assert.deepEqual(readdirSync(`${chart}/files/crds`).sort(), readdirSync(`${root}crds`).sort(), again);
  for (const name of readdirSync(`${root}crds`)) {
    assert.equal(file(`charts/handback/files/crds/${name}`), file(`crds/${name}`), `${name}: ${again}`);
  }
  assert.equal(file('charts/handback/files/seccomp.json'), file('images/browser/seccomp.json'), 'cp images/browser/seccomp.json charts/handback/files/');
});

test('CRDs are upgraded with the release and stay when it goes', () => {
  const all = objects();
  for (const name of readdirSync(`${root}crds`)) {
    const [original] = documents(file(`crds/${name}`));
    const rendered = structuredClone(all.get(`CustomResourceDefinition/${original.metadata.name}`));
    assert.deepEqual(rendered.metadata.annotations, { 'helm.sh/resource-policy': 'keep' });
    delete rendered.metadata.annotations;
    delete rendered.metadata.labels;
    assert.deepEqual(rendered, original);
  }
});

test('the operator runs restricted, and with the words that it knows', () => {
  const { spec } = objects('everything').get('Deployment/handback').spec.template;
  assert.deepEqual(spec.securityContext, { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } });
  const [operator] = spec.containers;
  assert.deepEqual(operator.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  assert.deepEqual(operator.args.slice(0, 3), ['operator', '--namespace=team-a', '--namespace=team-b']);
  assert.equal(operator.livenessProbe.httpGet.path, '/healthz');
  assert.equal(operator.readinessProbe.httpGet.path, '/readyz');
  const little = objects('little').get('Deployment/handback').spec.template.spec;
  assert.equal(little.containers[0].image, 'registry.example/handback@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
  assert.ok(little.containers[0].args.includes('--browser-image=registry.example/browser:1'));
  assert.equal(little.serviceAccountName, 'ours');
  assert.equal(little.volumes[0].secret.secretName, 'our-key');
});

test('another profile starts the operator anew, another label does not', () => {
  const sum = (...sets) => objects(...sets).get('Deployment/handback').spec.template.metadata.annotations['checksum/profiles'];
  assert.equal(sum(), sum('metrics.dashboard.enabled=true'));
  assert.notEqual(sum(), sum('profiles[0].limits.maxSeconds=60'));
});

test('its key is an Ed25519 key in PEM', () => {
  const { data, metadata } = objects().get('Secret/handback-operator-key');
  assert.equal(createPrivateKey(Buffer.from(data['tls.key'], 'base64')).asymmetricKeyType, 'ed25519');
  assert.equal(metadata.annotations['helm.sh/resource-policy'], 'keep');
});

test('the policy on Handoffs names this operator and has no word left to replace', () => {
  const yaml = text('everything', 'fullnameOverride=hb');
  assert.ok(!/__[A-Z_]+__/.test(yaml));
  const all = objects('everything', 'fullnameOverride=hb');
  const policy = all.get('ValidatingAdmissionPolicy/hb-handoffs');
  assert.equal(policy.spec.matchConditions[0].expression, "request.userInfo.username != 'system:serviceaccount:handback-system:hb'");
  const [original] = documents(file('charts/handback/files/handoff-policy.yaml'));
  for (const part of ['validations', 'variables', 'failurePolicy', 'matchConstraints']) assert.deepEqual(policy.spec[part], original.spec[part]);
  assert.deepEqual(all.get('ValidatingAdmissionPolicyBinding/hb-handoffs').spec, { policyName: 'hb-handoffs', validationActions: ['Deny'] });
});

test('nobody connects to a run pod, and it does not reach metadata', () => {
  const policies = (...sets) => [...objects(...sets).entries()].filter(([id]) => id.startsWith('NetworkPolicy/'));
  assert.deepEqual(policies(), [], 'in a namespace that nobody named');
  const everything = policies('everything');
  assert.deepEqual(everything.map(([id]) => id.split('/')[1]), ['team-a', 'team-b', 'team-c']);
  for (const [, { spec }] of everything) {
    // As src/pod.rs labels them.
    assert.deepEqual(spec.podSelector.matchLabels, { 'app.kubernetes.io/managed-by': 'handback', 'app.kubernetes.io/component': 'run' });
    assert.deepEqual([spec.policyTypes, spec.ingress], [['Ingress', 'Egress'], []]);
    assert.deepEqual(spec.egress[1].to.map(({ ipBlock }) => ipBlock.except), [['169.254.0.0/16'], ['fe80::/10', 'fd00:ec2::254/128']]);
    assert.equal(spec.egress.length, 3);
  }
  const pod = file('src/pod.rs');
  assert.match(pod, /\("app\.kubernetes\.io\/managed-by", Some\("handback"\.to_owned\(\)\)\)/);
  assert.match(pod, /\("app\.kubernetes\.io\/component", Some\("run"\.to_owned\(\)\)\)/);
  // The operator's own pods are not taken for runs.
  assert.notEqual(objects().get('Deployment/handback').spec.template.metadata.labels['app.kubernetes.io/managed-by'], 'handback');
});

test('the dashboard shows metrics that exist, and all of them', () => {
  const dashboard = JSON.parse(objects('everything').get('ConfigMap/handback-dashboard').data['handback.json']);
  const shown = new Set(dashboard.panels.flatMap(({ targets }) => targets).flatMap(({ expr }) => expr.match(/handback_\w+/g)));
  const names = new Set([...shown].map((name) => name.replace(/_bucket$/, '')));
  const made = new Set([...file('src/metrics.rs').split('#[cfg(test)]')[0].matchAll(/"(handback_\w+)"/g)].map(([, name]) => name));
  // There are no pools yet.
  made.delete('handback_pool_idle');
  assert.deepEqual([...names].sort(), [...made].sort());
});

test('what is left out is not there', () => {
  assert.deepEqual([...objects('little').keys()].sort(), ['ConfigMap/handback-profiles', 'Deployment/handback']);
});
