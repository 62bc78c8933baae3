{{/* The chart's name, and the name that all objects of the release begin with. */}}
{{- define "gemini-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "gemini-operator.fullname" -}}
{{- $name := include "gemini-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of a cluster-wide object: two releases may have the same name in two namespaces. */}}
{{- define "gemini-operator.clusterName" -}}
{{- $full := include "gemini-operator.fullname" . -}}
{{- if eq $full .Release.Namespace -}}{{ $full }}{{- else -}}{{ printf "%s-%s" .Release.Namespace $full | trunc 63 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* Labels and annotations of all objects. */}}
{{- define "gemini-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") | quote }}
app.kubernetes.io/name: {{ include "gemini-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: gemini-operator
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object. Takes a dict: context, name; and perhaps component, labels, annotations, clusterWide. */}}
{{- define "gemini-operator.metadata" -}}
name: {{ .name }}
{{- if not .clusterWide }}
namespace: {{ default .context.Release.Namespace .namespace }}
{{- end }}
labels:
  {{- include "gemini-operator.labels" .context | nindent 2 }}
  {{- with .component }}
  app.kubernetes.io/component: {{ . }}
  {{- end }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) .context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Labels by which the pods of a process are selected. Takes a dict: context, component. */}}
{{- define "gemini-operator.selector" -}}
app.kubernetes.io/name: {{ include "gemini-operator.name" .context }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "gemini-operator.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Takes a dict: context, component. */}}
{{- define "gemini-operator.serviceAccountName" -}}
{{- $account := (index .context.Values .component).serviceAccount -}}
{{- if $account.name -}}
{{- $account.name -}}
{{- else if $account.create -}}
{{- printf "%s-%s" (include "gemini-operator.fullname" .context) .component -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "gemini-operator.callbackSecretName" -}}
{{- default (printf "%s-callback-keys" (include "gemini-operator.fullname" .)) .Values.callbackKeys.existingSecret -}}
{{- end -}}

{{- define "gemini-operator.signingId" -}}
{{- default (first .Values.callbackKeys.ids) .Values.callbackKeys.signingId -}}
{{- end -}}

{{- define "gemini-operator.emulatorUrl" -}}
http://{{ include "gemini-operator.fullname" . }}-emulator.{{ .Release.Namespace }}.svc:8085
{{- end -}}

{{/* The receiver's URL as Google, or the emulator, sees it; empty if nobody can reach it. */}}
{{- define "gemini-operator.publicUrl" -}}
{{- if .Values.emulator.enabled -}}
http://{{ include "gemini-operator.fullname" . }}-receiver.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- else if .Values.publicUrl -}}
{{- .Values.publicUrl -}}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- else if .Values.httpRoute.enabled -}}
https://{{ first .Values.httpRoute.hostnames }}
{{- end -}}
{{- end -}}
