{{- /*
The tunnel beside the application, in a pod of your own chart. With this chart among its dependencies and
"sentinel-tunnel: { mode: sidecar, ... }" in its values:

  spec:
    securityContext:
      fsGroup: 65532
    initContainers:
      {{- include "sentinel-tunnel.sidecar" (index .Subcharts "sentinel-tunnel") | nindent 6 }}
    containers:
      - name: application        # connects to 127.0.0.1:6379
    volumes:
      {{- include "sentinel-tunnel.volumes" (index .Subcharts "sentinel-tunnel") | nindent 6 }}

A native sidecar: it runs before the application starts, and is stopped after it has ended.
*/ -}}
{{- define "sentinel-tunnel.sidecar" -}}
- restartPolicy: Always
  {{- include "sentinel-tunnel.container" . | nindent 2 }}
{{- end -}}
