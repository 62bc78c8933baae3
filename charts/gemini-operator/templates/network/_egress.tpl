{{/*
DNS, and the API server and other addresses by ports; never link-local ones (cloud metadata). Takes a
dict: context, component.
*/}}
{{- define "gemini-operator.egress" -}}
{{- $values := .context.Values -}}
- ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: ["fe80::/10"]
  ports:
    {{- $ports := list 443 }}
    {{- range $values.networkPolicy.apiServerPorts }}
    {{- $ports = append $ports (int .) }}
    {{- end }}
    {{- if eq .component "controller" }}
    {{- range $values.controller.objectStore.endpoints }}
    {{- $port := regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" }}
    {{- $ports = append $ports (int (default (ternary 80 443 (hasPrefix "http://" .)) $port)) }}
    {{- end }}
    {{- end }}
    {{- range uniq $ports }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- if $values.emulator.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "gemini-operator.selector" (dict "context" .context "component" "emulator") | nindent 10 }}
  ports:
    - { protocol: TCP, port: http }
{{- end }}
{{- if and $values.emulator.objectStore.enabled (eq .component "controller") }}
- to:
    - podSelector:
        matchLabels:
          {{- include "gemini-operator.selector" (dict "context" .context "component" "object-store") | nindent 10 }}
  ports:
    - { protocol: TCP, port: http }
{{- end }}
{{- with $values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
