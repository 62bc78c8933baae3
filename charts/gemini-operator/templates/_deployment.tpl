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
  replicas: {{ $values.replicas }}
  revisionHistoryLimit: {{ $values.revisionHistoryLimit }}
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
        {{- include "gemini-operator.labels" .context | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ .component }}
        {{- with merge (dict) $values.podAnnotations .context.Values.commonAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "gemini-operator.serviceAccountName" (dict "context" .context "component" .component) }}
      automountServiceAccountToken: {{ ne .component "emulator" }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
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
      priorityClassName: {{ . }}
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
      containers:
        - name: {{ .component }}
          image: {{ include "gemini-operator.image" .context | quote }}
          imagePullPolicy: {{ .context.Values.image.pullPolicy }}
          args:
            - {{ .component }}
            {{- range concat .args $values.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          {{- with concat (default (list) .env) $values.extraEnv }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            {{- toYaml .ports | nindent 12 }}
          {{- range $probe, $path := .probes }}
          {{ $probe }}Probe:
            {{- if $path }}
            httpGet:
              path: {{ $path }}
              port: {{ $.probePort }}
            {{- else }}
            tcpSocket:
              port: {{ $.probePort }}
            {{- end }}
            {{- toYaml (index $values (printf "%sProbe" $probe)) | nindent 12 }}
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
          {{- with concat (default (list) .mounts) $values.extraVolumeMounts }}
          volumeMounts:
            {{- toYaml . | nindent 12 }}
          {{- end }}
        {{- with $values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat (default (list) .volumes) $values.extraVolumes }}
      volumes:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
