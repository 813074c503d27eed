{{/* The chart's name, and what all names begin with. Release "handback" gives just "handback". */}}
{{- define "handback.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "handback.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "handback.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "handback.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "handback.serviceAccount" -}}
{{- default (include "handback.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Of the policy on Handoffs and of its binding. */}}
{{- define "handback.policy" -}}
{{ include "handback.fullname" . }}-handoffs
{{- end -}}

{{- define "handback.keySecret" -}}
{{- default (printf "%s-operator-key" (include "handback.fullname" .)) .Values.operatorKey.existingSecret -}}
{{- end -}}

{{- define "handback.selector" -}}
app.kubernetes.io/name: {{ include "handback.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "handback.labels" -}}
{{ include "handback.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image's full name, from {repository, tag, digest} and the version of the release. */}}
{{- define "handback.image" -}}
{{- $image := .image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .version $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "handback.programImage" -}}
{{ include "handback.image" (dict "image" .Values.image "version" .Chart.AppVersion) }}
{{- end -}}

{{- define "handback.browserImage" -}}
{{ include "handback.image" (dict "image" .Values.browser.image "version" .Chart.AppVersion) }}
{{- end -}}

{{/* Of a container that needs nothing from its node: what Pod Security "restricted" asks for. */}}
{{- define "handback.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* For a whole pod. The group: the operator's key is a file for root and it. */}}
{{- define "handback.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The file that the operator reads: the profiles, each with the seccomp profile for all unless it has its own; it counts where none of them matches, too. */}}
{{- define "handback.profiles" -}}
{{- $profiles := list -}}
{{- $all := false -}}
{{- range .Values.profiles -}}
{{- $profile := . -}}
{{- if not $profile.matchLabels }}{{ $all = true }}{{ end -}}
{{- if and $.Values.browser.seccompProfile (not (hasKey $profile "seccompProfile")) -}}
{{- $profile = merge (dict "seccompProfile" $.Values.browser.seccompProfile) $profile -}}
{{- end -}}
{{- $profiles = append $profiles $profile -}}
{{- end -}}
{{- if and .Values.browser.seccompProfile (not $all) -}}
{{- $profiles = append $profiles (dict "seccompProfile" .Values.browser.seccompProfile) -}}
{{- end -}}
{{- toYaml (dict "profiles" $profiles) -}}
{{- end -}}

{{/* What the operator may do where runs live. Everything here is used: tests/chart compares it with the code. */}}
{{- define "handback.runRules" -}}
- apiGroups: [handback.dev]
  resources: [testruns]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [handback.dev]
  resources: [testruns/status]
  verbs: [patch]
- apiGroups: [handback.dev]
  resources: [handoffs]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [handback.dev]
  resources: [handoffs/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
# The gate's port, on a pod's loopback. A WebSocket is a get; newer API servers ask for create too.
- apiGroups: [""]
  resources: [pods/portforward]
  verbs: [get, create]
# Plans.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, create, patch]
{{- end -}}

{{/* What the Job after an uninstall may do, and when it and its rights exist. */}}
{{- define "handback.releaseRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, get, patch]
{{- end -}}
{{- define "handback.releaseHook" -}}
helm.sh/hook: post-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* What all four roles for people may do. */}}
{{- define "handback.viewerRules" -}}
- apiGroups: [handback.dev]
  resources: [testruns]
  verbs: [get, list, watch]
# Give nothing alone: the policy on Handoffs asks for testruns/view or testruns/control too.
- apiGroups: [handback.dev]
  resources: [handoffs]
  verbs: [get, list, watch, create, patch, delete]
# Watching a browser, in one's own name.
- apiGroups: [handback.dev]
  resources: [testruns/view]
  verbs: [create]
# The way to the gate, which wants a ticket.
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
- apiGroups: [""]
  resources: [pods/portforward]
  verbs: [get, create]
{{- end -}}
