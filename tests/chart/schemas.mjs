// Makes the schemas in tests/chart/schemas from an API server's own description, for kubeconform:
//
//   tests/cluster/in kubectl get --raw /openapi/v2 | node tests/chart/schemas.mjs
//
// Only the kinds that the chart renders, without their descriptions, and strict: a field that the server
// does not know is an error. To be run again when a template has a new kind, or for a newer Kubernetes.

import { writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const KINDS = [
  '/v1 ConfigMap', '/v1 Secret', '/v1 Service', '/v1 ServiceAccount',
  'apps/v1 DaemonSet', 'apps/v1 Deployment', 'batch/v1 Job', 'policy/v1 PodDisruptionBudget',
  'networking.k8s.io/v1 NetworkPolicy',
  'rbac.authorization.k8s.io/v1 ClusterRole', 'rbac.authorization.k8s.io/v1 ClusterRoleBinding',
  'rbac.authorization.k8s.io/v1 Role', 'rbac.authorization.k8s.io/v1 RoleBinding',
  'apiextensions.k8s.io/v1 CustomResourceDefinition',
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding',
];

const here = new URL('schemas/', import.meta.url);
const { info, definitions } = JSON.parse(await text(process.stdin));
const used = {};

/** The same in the words of JSON Schema, and all that it refers to into `used`. */
function strict(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1);
    if (!(name in used)) {
      used[name] = null;
      used[name] = strict(definitions[name]);
    }
    return { $ref: `#/definitions/${name}` };
  }
  if (schema.format === 'int-or-string') return { type: ['string', 'integer'] };
  const result = {};
  if (schema.type) result.type = schema.type;
  if (schema.required) result.required = schema.required;
  if (schema.items) result.items = strict(schema.items);
  if (schema.properties) {
    result.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, strict(one)]));
    if (!schema['x-kubernetes-preserve-unknown-fields']) result.additionalProperties = false;
  }
  if (schema.additionalProperties) result.additionalProperties = strict(schema.additionalProperties);
  return result;
}

const named = new Map();
for (const [name, schema] of Object.entries(definitions)) {
  for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
    named.set(`${group}/${version} ${kind}`, name);
  }
}
for (const kind of KINDS) {
  const name = named.get(kind);
  if (!name) throw new Error(`this server does not know ${kind}`);
  const { $ref } = strict({ $ref: `#/definitions/${name}` });
  const [path, which] = kind.split(' ');
  const [group, version] = path.split('/');
  const file = [which.toLowerCase(), group.split('.')[0], version].filter(Boolean).join('-');
  writeFileSync(new URL(`${file}.json`, here), `${JSON.stringify({ $ref: `definitions.json${$ref}` })}\n`);
}
// A quantity may be written as a number.
used['io.k8s.apimachinery.pkg.api.resource.Quantity'] = { type: ['string', 'number'] };
const sorted = Object.fromEntries(Object.keys(used).sort().map((name) => [name, used[name]]));
writeFileSync(new URL('definitions.json', here), `${JSON.stringify({ $comment: `Kubernetes ${info.version}, by tests/chart/schemas.mjs`, definitions: sorted }, null, 1)}\n`);
