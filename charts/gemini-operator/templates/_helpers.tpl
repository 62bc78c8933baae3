{{/* The chart's name, and the name that all objects of the release begin with. */}}
{{- define "gemini-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "gemini-operator.fullname" -}}
{{- $name := include "gemini-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of a cluster-wide object: two releases may have the same name in two namespaces. */}}
{{- define "gemini-operator.clusterName" -}}
{{- $full := include "gemini-operator.fullname" . -}}
{{- if eq $full .Release.Namespace -}}
{{ $full }}
{{- else -}}
{{ printf "%s-%s" $full (printf "%s/%s" .Release.Namespace $full | sha256sum | trunc 8) }}
{{- end -}}
{{- end -}}

{{/*
Labels of an object; those of the chart win over the user's. Takes a dict: context, and perhaps component
and labels.
*/}}
{{- define "gemini-operator.labels" -}}
{{- $fixed := include "gemini-operator.podLabels" . | fromYaml -}}
{{- $_ := set $fixed "helm.sh/chart" (printf "%s-%s" .context.Chart.Name (.context.Chart.Version | replace "+" "_")) -}}
{{- $_ := set $fixed "app.kubernetes.io/version" .context.Chart.AppVersion -}}
{{- $_ := set $fixed "app.kubernetes.io/managed-by" .context.Release.Service -}}
{{- toYaml $fixed -}}
{{- end -}}

{{/* Labels of a pod: none that only a new release of the chart changes. Takes the same dict. */}}
{{- define "gemini-operator.podLabels" -}}
{{- $fixed := dict "app.kubernetes.io/name" .context.Chart.Name "app.kubernetes.io/instance" .context.Release.Name "app.kubernetes.io/part-of" "gemini-operator" -}}
{{- with .component -}}
{{- $_ := set $fixed "app.kubernetes.io/component" . -}}
{{- end -}}
{{- toYaml (merge $fixed (default (dict) .labels) (default (dict) .context.Values.commonLabels)) -}}
{{- end -}}

{{/* metadata of an object. Takes a dict: context, name; and perhaps component, labels, annotations, namespace, clusterWide. */}}
{{- define "gemini-operator.metadata" -}}
name: {{ .name | quote }}
{{- if not .clusterWide }}
namespace: {{ default .context.Release.Namespace .namespace | quote }}
{{- end }}
labels:
  {{- include "gemini-operator.labels" . | nindent 2 }}
{{- with merge (dict) (default (dict) .annotations) (default (dict) .context.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Labels by which the pods of a process are selected. They must never change. Takes a dict: context, component. */}}
{{- define "gemini-operator.selector" -}}
app.kubernetes.io/name: {{ .context.Chart.Name | quote }}
app.kubernetes.io/instance: {{ .context.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{/* The namespaces whose jobs are worked on, as a JSON list; an empty one means all. */}}
{{- define "gemini-operator.namespaces" -}}
{{- if .Values.namespaces -}}
{{- toJson .Values.namespaces -}}
{{- else if .Values.emulator.enabled -}}
{{- /* Jobs of other namespaces are meant for Google, and so are their API keys. */ -}}
{{- toJson (list .Release.Namespace) -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{- define "gemini-operator.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Takes a dict: context, component. */}}
{{- define "gemini-operator.serviceAccountName" -}}
{{- $account := (index .context.Values .component).serviceAccount -}}
{{- if or $account.name $account.create -}}
{{- default (printf "%s-%s" (include "gemini-operator.fullname" .context) .component) $account.name -}}
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

{{/* The addresses of storage services by scheme or bucket, as YAML. */}}
{{- define "gemini-operator.objectStoreEndpoints" -}}
{{- $own := dict -}}
{{- if .Values.emulator.objectStore.enabled -}}
{{- $own = dict "s3" (printf "http://%s-object-store.%s.svc:7070" (include "gemini-operator.fullname" .) .Release.Namespace) -}}
{{- end -}}
{{- toYaml (merge $own .Values.controller.objectStore.endpoints) -}}
{{- end -}}

{{/* Names of the Secrets with credentials for storage, as JSON. */}}
{{- define "gemini-operator.storageSecrets" -}}
{{- $names := .Values.controller.objectStore.allowedSecretNames -}}
{{- if .Values.emulator.objectStore.enabled -}}
{{- $names = append $names .Values.emulator.objectStore.secretName -}}
{{- end -}}
{{- uniq $names | toJson -}}
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

{{/* The paths that Google must reach, as JSON. */}}
{{- define "gemini-operator.publicPaths" -}}
{{- ternary (list "/v1/callbacks/" "/v1/static/") (list "/v1/callbacks/") (not (empty .Values.receiver.staticWebhooks)) | toJson -}}
{{- end -}}
