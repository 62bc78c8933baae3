{{/*
A Deployment. Takes a dict: context, component, args, ports, probes (path and port of health, or only
port for a TCP probe), and perhaps env, volumes, mounts, lifecycle.
*/}}
{{- define "gemini-operator.deployment" -}}
{{- $context := .context -}}
{{- $values := index .context.Values .component -}}
{{- $selector := include "gemini-operator.selector" (dict "context" .context "component" .component) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "gemini-operator.metadata" (dict "context" .context "component" .component "name" (printf "%s-%s" (include "gemini-operator.fullname" .context) .component) "annotations" $values.deploymentAnnotations) | nindent 2 }}
spec:
  replicas: {{ int64 $values.replicas }}
  revisionHistoryLimit: {{ int64 $values.revisionHistoryLimit }}
  strategy:
    {{- if $values.strategy }}
    {{- toYaml $values.strategy | nindent 4 }}
    {{- else if eq .component "emulator" }}
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
    {{- end }}
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "gemini-operator.podLabels" (dict "context" .context "component" .component "labels" $values.podLabels) | nindent 8 }}
      annotations:
        {{- toYaml (merge (dict) (default (dict) $values.podAnnotations) (default (dict) .context.Values.commonAnnotations) (dict "kubectl.kubernetes.io/default-container" .component)) | nindent 8 }}
    spec:
      serviceAccountName: {{ include "gemini-operator.serviceAccountName" (dict "context" .context "component" .component) | quote }}
      automountServiceAccountToken: {{ ne .component "emulator" }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
      dnsPolicy: {{ $values.dnsPolicy }}
      {{- with $values.dnsConfig }}
      dnsConfig:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .context.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml $values.podSecurityContext | nindent 8 }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- toYaml $values.topologySpreadConstraints | nindent 8 }}
      {{- else if gt (int $values.replicas) 1 }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
      {{- end }}
      {{- with $values.extraInitContainers }}
      initContainers:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "gemini-operator.image" .context | quote }}
          imagePullPolicy: {{ .context.Values.image.pullPolicy }}
          args:
            - {{ .component }}
            {{- range concat .args (default (list) $values.extraArgs) }}
            - {{ . | quote }}
            {{- end }}
          {{- with concat (default (list) .env) (default (list) $values.extraEnv) }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $values.extraEnvFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            {{- toYaml .ports | nindent 12 }}
          {{- range $probe, $path := .probes }}
          {{ $probe }}Probe:
            {{- $handler := dict "tcpSocket" (dict "port" $.probePort) }}
            {{- if $path }}
            {{- $handler = dict "httpGet" (dict "path" $path "port" $.probePort) }}
            {{- end }}
            {{- toYaml (merge $handler (default (dict) (index $values (printf "%sProbe" $probe)))) | nindent 12 }}
          {{- end }}
          {{- with .lifecycle }}
          lifecycle:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext:
            {{- toYaml $values.securityContext | nindent 12 }}
          {{- with $values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with concat (default (list) .mounts) (default (list) $values.extraVolumeMounts) }}
          volumeMounts:
            {{- toYaml . | nindent 12 }}
          {{- end }}
        {{- with $values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat (default (list) .volumes) (default (list) $values.extraVolumes) }}
      volumes:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
