{{/* What each process may do with jobs, in the namespaces that it works for. */}}
{{- define "gemini-operator.rules.controller" -}}
# To watch jobs, add and remove the finalizer, and delete jobs whose TTL is over.
- apiGroups: [gemini-operator.io]
  resources: [geminibatchjobs]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [gemini-operator.io]
  resources: [geminibatchjobs/status]
  verbs: [patch]
# To read API keys: by name, never by list.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
  {{- if not .Values.apiKeySecrets.anyName }}
  resourceNames:
    {{- toYaml .Values.apiKeySecrets.allowedNames | nindent 4 }}
  {{- end }}
{{- with include "gemini-operator.storageSecrets" . | fromJsonArray }}
{{- if not $.Values.apiKeySecrets.anyName }}
# To read credentials for object storage and https inputs: by name, never by list.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
  resourceNames:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
# To read requests, and to create results.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- define "gemini-operator.rules.receiver" -}}
# To record callbacks. The admission policy narrows this to status.lastEvent.
- apiGroups: [gemini-operator.io]
  resources: [geminibatchjobs/status]
  verbs: [patch]
{{- if .Values.receiver.staticWebhooks }}
# To find the job of a static webhook's event. The receiver asks for metadata only.
- apiGroups: [gemini-operator.io]
  resources: [geminibatchjobs]
  verbs: [list]
{{- end }}
{{- end -}}
