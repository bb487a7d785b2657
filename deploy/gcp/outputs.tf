output "cluster" {
  description = "Name of the cluster, for gcloud container clusters get-credentials."
  value       = google_container_cluster.main.name
}

output "bucket" {
  value = google_storage_bucket.lake.name
}

output "secret_prefix" {
  description = "Names in Secret Manager begin with it."
  value       = "${var.name}-"
}

output "helm_values" {
  description = "Values for deploy/helm/canardstack: terraform output -raw helm_values > values-gcp.yaml"
  value = yamlencode({
    auth    = { existingSecret = "canardstack-keys" }
    catalog = { kind = "postgres", postgresSecret = "canardstack-catalog" }
    storage = {
      dataPath      = "gs://${google_storage_bucket.lake.name}/lake"
      gcsHmacSecret = "canardstack-gcs"
    }
    ingest = { spool = { storageClass = "premium-rwo" } }
  })
}
