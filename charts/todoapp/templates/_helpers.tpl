{{/* Labels that never change: by these, selectors find their pods. Called with (dict "root" $ "component" NAME). */}}
{{- define "todoapp.selectorLabels" -}}
app.kubernetes.io/name: todoapp
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of an object. Pods carry the selector's only, so that a new version of the chart alone restarts nothing. */}}
{{- define "todoapp.labels" -}}
{{ include "todoapp.selectorLabels" . }}
app.kubernetes.io/part-of: todoapp
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{/* An image reference. Called with (dict "root" $ "image" (dict "name" NAME "digest" DIGEST)). */}}
{{- define "todoapp.image" -}}
{{- $image := .root.Values.image -}}
{{- $name := printf "%s/%s" (trimSuffix "/" $image.registry) .image.name -}}
{{- if .image.digest -}}
{{ printf "%s@%s" $name .image.digest }}
{{- else -}}
{{ printf "%s:%s" $name ($image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{/* The image of a test: as it is if it has a slash, else from the registry. Called with (dict "root" $ "image" NAME). */}}
{{- define "todoapp.testImage" -}}
{{- if contains "/" .image -}}
{{ .image }}
{{- else -}}
{{ include "todoapp.image" (dict "root" .root "image" (dict "name" .image "digest" "")) }}
{{- end -}}
{{- end }}

{{/* Where and as whom a component's pods run. Called with (dict "root" $ "component" NAME). */}}
{{- define "todoapp.pod" -}}
{{- $values := get .root.Values .component -}}
serviceAccountName: todoapp-{{ .component }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- include "todoapp.podSecurity" . | nindent 2 }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "todoapp.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* Pod Security Standards, profile restricted. */}}
{{- define "todoapp.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "todoapp.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The probes of the admin port, which every process has. */}}
{{- define "todoapp.probes" -}}
livenessProbe:
  httpGet:
    path: /live
    port: admin
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  httpGet:
    path: /ready
    port: admin
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}

{{/* NetworkPolicy: the pods of apps in every namespace, as a peer. */}}
{{- define "todoapp.appPods" -}}
- namespaceSelector: {}
  podSelector:
    matchExpressions:
      - {key: todoapp.dev/revision, operator: Exists}
{{- end }}

{{/* NetworkPolicy: probes, metrics and state. */}}
{{- define "todoapp.adminIngress" -}}
- ports:
    - {protocol: TCP, port: 9090}
  {{- with .Values.networkPolicy.adminFrom }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* NetworkPolicy: what every process of ours needs. */}}
{{- define "todoapp.commonEgress" -}}
# DNS.
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
# The API server, which is no pod.
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
{{- end }}

{{/* NetworkPolicy: to the sidecars of apps. */}}
{{- define "todoapp.sidecarEgress" -}}
- ports:
    - {protocol: TCP, port: 8012}
  to:
    {{- include "todoapp.appPods" . | nindent 4 }}
{{- end }}
