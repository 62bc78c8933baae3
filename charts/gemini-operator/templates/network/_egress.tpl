{{/* DNS, and the API server and other addresses by ports; never link-local ones (cloud metadata). */}}
{{- define "gemini-operator.egress" -}}
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
    {{- range .Values.networkPolicy.apiServerPorts }}
    {{- $ports = append $ports (int .) }}
    {{- end }}
    {{- range uniq $ports }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- if .Values.emulator.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "gemini-operator.selector" (dict "context" . "component" "emulator") | nindent 10 }}
  ports:
    - { protocol: TCP, port: http }
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
