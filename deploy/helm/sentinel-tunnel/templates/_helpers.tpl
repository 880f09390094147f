{{- define "sentinel-tunnel.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sentinel-tunnel.selector" -}}
app.kubernetes.io/name: sentinel-tunnel
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sentinel-tunnel.labels" -}}
{{ include "sentinel-tunnel.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "sentinel-tunnel.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The configuration file, as YAML: what the chart knows, and beside it what .Values.config says. */ -}}
{{- define "sentinel-tunnel.config" -}}
{{- if not .Values.sentinels }}{{ fail "sentinels: expected a list of at least one \"host:port\"" }}{{ end -}}
{{- if not .Values.databases }}{{ fail "databases: expected a list of at least one { name, port }" }}{{ end -}}
{{- range $key := list "sentinels" "databases" -}}
{{- if index $.Values.config $key }}{{ fail (printf "config.%s: expected as \"%s\" at the top of the values, where the ports are made of it too" $key $key) }}{{ end -}}
{{- end -}}
{{- $taken := printf ",%d," (int .Values.admin.port) -}}
{{- range .Values.databases -}}
{{- $port := printf ",%d," (int .port) -}}
{{- if contains $port $taken }}{{ fail (printf "databases: the port %d of \"%s\" is taken by another database or by admin.port" (int .port) .name) }}{{ end -}}
{{- $taken = printf "%s%s" $taken $port -}}
{{- end -}}
{{- $host := .Values.listenHost | default (ternary "127.0.0.1" "0.0.0.0" (eq .Values.mode "sidecar")) -}}
{{- $databases := list -}}
{{- range .Values.databases -}}
{{- $databases = append $databases (merge (dict "listen" (printf "%s:%d" $host (int .port))) (omit . "port")) -}}
{{- end -}}
{{- $admin := dict "listen" (printf "127.0.0.1:%d" (int .Values.admin.port)) -}}
{{- if .Values.admin.tokenSecret -}}
{{- $admin = dict "listen" (printf "0.0.0.0:%d" (int .Values.admin.port)) "tokenFile" "/run/secrets/sentinel-tunnel/admin" -}}
{{- end -}}
{{- $own := dict "sentinels" .Values.sentinels "databases" $databases "admin" $admin -}}
{{- range $key, $auth := dict "sentinel" .Values.sentinelAuth "redis" .Values.redisAuth -}}
{{- if $auth.secret -}}
{{- $access := dict "passwordFile" (printf "/run/secrets/sentinel-tunnel/%s" $key) -}}
{{- if $auth.username -}}{{- $access = merge $access (dict "username" $auth.username) -}}{{- end -}}
{{- $own = merge $own (dict $key $access) -}}
{{- end -}}
{{- end -}}
{{- toYaml (merge $own (deepCopy .Values.config)) -}}
{{- end -}}

{{- define "sentinel-tunnel.hasSecrets" -}}
{{- if or .Values.sentinelAuth.secret .Values.redisAuth.secret .Values.admin.tokenSecret -}}yes{{- end -}}
{{- end -}}

{{- /* What every container of it has, whatever kind it is. */ -}}
{{- define "sentinel-tunnel.container" -}}
name: sentinel-tunnel
image: {{ include "sentinel-tunnel.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [run]
env:
  - name: SENTINEL_TUNNEL_CONFIG
    value: /etc/sentinel-tunnel/config.yaml
ports:
  {{- range $index, $database := .Values.databases }}
  - name: {{ printf "redis-%d" $index }}
    containerPort: {{ int $database.port }}
  {{- end }}
  {{- if .Values.admin.tokenSecret }}
  - name: admin
    containerPort: {{ int .Values.admin.port }}
  {{- end }}
startupProbe:
  {{- include "sentinel-tunnel.probe" (dict "root" . "path" "/startupz" "command" (list "--started")) | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 30
livenessProbe:
  {{- include "sentinel-tunnel.probe" (dict "root" . "path" "/livez" "command" (list)) | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: sentinel-tunnel-config
    mountPath: /etc/sentinel-tunnel
    readOnly: true
  {{- if include "sentinel-tunnel.hasSecrets" . }}
  - name: sentinel-tunnel-secrets
    mountPath: /run/secrets/sentinel-tunnel
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "sentinel-tunnel.probe" -}}
{{- if .root.Values.admin.tokenSecret -}}
httpGet:
  path: {{ .path }}
  port: admin
{{- else -}}
exec:
  command: {{ toJson (concat (list "sentinel-tunnel" "health") .command) }}
{{- end -}}
{{- end -}}

{{- /* The volumes of the pod. A file may be read by the group of the pod (fsGroup), and by nobody else. */ -}}
{{- define "sentinel-tunnel.volumes" -}}
- name: sentinel-tunnel-config
  configMap:
    name: {{ include "sentinel-tunnel.name" . }}
{{- if include "sentinel-tunnel.hasSecrets" . }}
- name: sentinel-tunnel-secrets
  projected:
    defaultMode: 288 # 0440: YAML does not agree with itself on how to write that
    sources:
      {{- with .Values.sentinelAuth }}{{ if .secret }}
      - secret:
          name: {{ .secret | quote }}
          items: [{ key: {{ .key | quote }}, path: sentinel }]
      {{- end }}{{ end }}
      {{- with .Values.redisAuth }}{{ if .secret }}
      - secret:
          name: {{ .secret | quote }}
          items: [{ key: {{ .key | quote }}, path: redis }]
      {{- end }}{{ end }}
      {{- with .Values.admin }}{{ if .tokenSecret }}
      - secret:
          name: {{ .tokenSecret | quote }}
          items: [{ key: {{ .tokenKey | quote }}, path: admin }]
      {{- end }}{{ end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The pod of a deployment or a daemonset. */ -}}
{{- define "sentinel-tunnel.pod" -}}
metadata:
  labels:
    {{- include "sentinel-tunnel.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # A changed configuration makes new pods.
    checksum/config: {{ include "sentinel-tunnel.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  {{- $needed := add (mul 1000 (int .Values.preStopSeconds)) (int (.Values.config.drainMs | default 10000)) }}
  {{- if le (mul 1000 (int .Values.terminationGracePeriodSeconds)) $needed }}
  {{- fail (printf "terminationGracePeriodSeconds: expected more than preStopSeconds and config.drainMs together, %d ms" $needed) }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  securityContext:
    fsGroup: 65532
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toJson . }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toJson . }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toJson . }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{ toJson . }}
  {{- end }}
  {{- if eq .Values.mode "deployment" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sentinel-tunnel.selector" . | nindent 10 }}
  {{- end }}
  containers:
    - {{- include "sentinel-tunnel.container" . | nindent 6 }}
      readinessProbe:
        {{- include "sentinel-tunnel.probe" (dict "root" . "path" "/readyz" "command" (list "--ready")) | nindent 8 }}
        # Longer than a failover: meanwhile connections had better wait here than find nobody.
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 3
      {{- if gt (int .Values.preStopSeconds) 0 }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.preStopSeconds | int | toString | quote }}]
      {{- end }}
  volumes:
    {{- include "sentinel-tunnel.volumes" . | nindent 4 }}
{{- end -}}
