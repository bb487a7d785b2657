{{/* Fields that all pods share. */}}
{{- define "canardstack.podBase" -}}
serviceAccountName: {{ include "canardstack.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .own.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "canardstack.containerBase" -}}
image: {{ include "canardstack.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{/* Pods that do the same work on different machines, where there are such. */}}
{{- define "canardstack.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "canardstack.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{- define "canardstack.secretEnv" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end -}}

{{/* Where Parquet lies, and the keys to it; CHECKPOINT reads it on the catalog server too. */}}
{{- define "canardstack.storageEnv" -}}
{{- with .Values.storage -}}
- name: CANARDSTACK_DUCKLAKE_DATA_PATH
  value: {{ required "storage.dataPath is required: s3://bucket/prefix or gs://bucket/prefix" .dataPath | quote }}
{{- if .s3Endpoint }}
- name: CANARDSTACK_S3_ENDPOINT
  value: {{ .s3Endpoint | quote }}
{{- end }}
{{- if .s3Region }}
- name: CANARDSTACK_S3_REGION
  value: {{ .s3Region | quote }}
{{- end }}
{{- if .s3Secret }}
{{ include "canardstack.secretEnv" (dict "name" "AWS_ACCESS_KEY_ID" "secret" .s3Secret "key" "access-key-id") }}
{{ include "canardstack.secretEnv" (dict "name" "AWS_SECRET_ACCESS_KEY" "secret" .s3Secret "key" "secret-access-key") }}
{{- end }}
{{- if .gcsHmacSecret }}
{{ include "canardstack.secretEnv" (dict "name" "CANARDSTACK_GCS_HMAC_KEY_ID" "secret" .gcsHmacSecret "key" "key-id") }}
{{ include "canardstack.secretEnv" (dict "name" "CANARDSTACK_GCS_HMAC_SECRET" "secret" .gcsHmacSecret "key" "secret") }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "canardstack.tokenEnv" -}}
{{- $secret := required "catalog.tokenSecret is required with catalog.kind quack: a Secret with the key token" .Values.catalog.tokenSecret -}}
{{ include "canardstack.secretEnv" (dict "name" "CANARDSTACK_DUCKLAKE_QUACK_TOKEN" "secret" $secret "key" "token") }}
{{- end -}}

{{- define "canardstack.settingsEnv" -}}
{{- range $name, $value := merge (dict) .own.settings .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Environment of ingest and query nodes. */}}
{{- define "canardstack.nodeEnv" -}}
{{- $auth := required "auth.existingSecret is required: a Secret with the keys api-key and admin-api-key" .root.Values.auth.existingSecret -}}
{{ include "canardstack.secretEnv" (dict "name" "CANARDSTACK_API_KEY" "secret" $auth "key" "api-key") }}
{{ include "canardstack.secretEnv" (dict "name" "CANARDSTACK_ADMIN_API_KEY" "secret" $auth "key" "admin-api-key") }}
{{ include "canardstack.storageEnv" .root }}
{{- with .root.Values.catalog }}
{{- if eq .kind "postgres" }}
{{ include "canardstack.secretEnv" (dict "name" "CANARDSTACK_POSTGRES_DSN" "secret" (required "catalog.postgresSecret is required with catalog.kind postgres: a Secret with the key dsn" .postgresSecret) "key" "dsn") }}
{{- else }}
{{ include "canardstack.tokenEnv" $.root }}
- name: CANARDSTACK_DUCKLAKE_ATTACH_URI
  value: ducklake:quack:{{ include "canardstack.fullname" $.root }}-catalog:9494
{{- if include "canardstack.catalogTlsSecret" $.root }}
- name: CANARDSTACK_DUCKLAKE_QUACK_CA_FILE
  value: /etc/canardstack/catalog-ca/ca.crt
{{- else }}
- name: CANARDSTACK_DUCKLAKE_QUACK_INSECURE_TLS
  value: 'true'
{{- end }}
{{- end }}
{{- end }}
{{- if .root.Values.tls.existingSecret }}
- name: CANARDSTACK_TLS_CERT
  value: /etc/canardstack/tls/tls.crt
- name: CANARDSTACK_TLS_KEY
  value: /etc/canardstack/tls/tls.key
{{- end }}
{{- include "canardstack.settingsEnv" . }}
{{- end -}}

{{- define "canardstack.nodeMounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if .Values.tls.existingSecret }}
- { name: tls, mountPath: /etc/canardstack/tls, readOnly: true }
{{- end }}
{{- if and (eq .Values.catalog.kind "quack") (include "canardstack.catalogTlsSecret" .) }}
- { name: catalog-ca, mountPath: /etc/canardstack/catalog-ca, readOnly: true }
{{- end }}
{{- end -}}

{{- define "canardstack.nodeVolumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 1Gi }
{{- if .Values.tls.existingSecret }}
- name: tls
  secret: { secretName: {{ .Values.tls.existingSecret }}, defaultMode: 0440 }
{{- end }}
{{- if and (eq .Values.catalog.kind "quack") (include "canardstack.catalogTlsSecret" .) }}
- name: catalog-ca
  secret:
    secretName: {{ include "canardstack.catalogTlsSecret" . }}
    defaultMode: 0440
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end -}}

{{/* Alive: the process answers. Ready: it can serve, so a node without its catalog takes no requests. */}}
{{- define "canardstack.nodeProbes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (ne .Values.tls.existingSecret "") -}}
# A start waits for a catalog that is away (CANARDSTACK_CATALOG_WAIT_SECS).
startupProbe:
  httpGet: { path: /healthz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 5
  failureThreshold: 150
livenessProbe:
  httpGet: { path: /healthz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 2
# Time for the Service to send requests elsewhere before the drain refuses them.
lifecycle:
  preStop:
    exec: { command: [sleep, '5'] }
{{- end -}}
