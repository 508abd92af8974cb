{{- define "pulltrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters, so that every suffix still fits a DNS label. */}}
{{- define "pulltrace.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "pulltrace.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pulltrace.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Called with (dict "root" $ "component" "server"). */}}
{{- define "pulltrace.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pulltrace.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "pulltrace.labels" -}}
{{ include "pulltrace.selectorLabels" . }}
app.kubernetes.io/version: {{ default .root.Chart.AppVersion .root.Values.imageTag | trunc 63 | quote }}
app.kubernetes.io/part-of: waybill
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An upgrade with --reuse-values has the values of a chart that knew no such port. */}}
{{- define "pulltrace.reportPort" -}}
{{- default 8081 .Values.server.service.reportPort -}}
{{- end -}}

{{/* Called with (dict "root" $ "image" .Values.server.image). */}}
{{- define "pulltrace.image" -}}
{{- $registry := required "imageRegistry is needed: the registry that `make images` pushed to, such as --set imageRegistry=registry.example:5000" .root.Values.imageRegistry -}}
{{- $name := printf "%s/%s" $registry .image.repository -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion .root.Values.imageTag) -}}
{{- end -}}
{{- end -}}

{{/* Called with (dict "root" $ "component" "agent" "account" .Values.agent.serviceAccount). */}}
{{- define "pulltrace.serviceAccountName" -}}
{{- if .account.name -}}
{{- .account.name -}}
{{- else if .account.create -}}
{{- printf "%s-%s" (include "pulltrace.fullname" .root) .component -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "pulltrace.tokenSecretName" -}}
{{- default (printf "%s-agent-token" (include "pulltrace.fullname" .)) .Values.agentAuth.existingSecret -}}
{{- end -}}

{{- define "pulltrace.tokenEnvironment" -}}
{{- if eq .Values.agentAuth.mode "token" }}
- name: PULLTRACE_AGENT_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "pulltrace.tokenSecretName" . }}
      key: {{ .Values.agentAuth.existingSecretKey | quote }}
{{- end }}
{{- end -}}

{{/* Pods are replaced when a token given as a value changes. One that was made is kept, so nothing changes. */}}
{{- define "pulltrace.tokenChecksum" -}}
{{- if .Values.agentAuth.token }}
checksum/agent-token: {{ .Values.agentAuth.token | sha256sum | trunc 16 }}
{{- end }}
{{- end -}}

{{- define "pulltrace.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
