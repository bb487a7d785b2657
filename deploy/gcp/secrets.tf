# Secrets lie in Secret Manager; docs/deploy/gcp.md says how they come into the cluster.

resource "random_password" "api_key" {
  length  = 48
  special = false
}

resource "random_password" "admin_api_key" {
  length  = 48
  special = false
}

locals {
  secrets = {
    api-key       = random_password.api_key.result
    admin-api-key = random_password.admin_api_key.result
    hmac-key-id   = google_storage_hmac_key.storage.access_id
    hmac-secret   = google_storage_hmac_key.storage.secret
    postgres-dsn = join(" ", [
      "host=${google_sql_database_instance.catalog.private_ip_address}",
      "port=5432",
      "dbname=${google_sql_database.catalog.name}",
      "user=${google_sql_user.catalog.name}",
      "password=${random_password.database.result}",
      "sslmode=require",
    ])
  }
}

resource "google_secret_manager_secret" "main" {
  for_each  = toset(["api-key", "admin-api-key", "hmac-key-id", "hmac-secret", "postgres-dsn"])
  secret_id = "${var.name}-${each.key}"
  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_version" "main" {
  for_each    = google_secret_manager_secret.main
  secret      = each.value.id
  secret_data = local.secrets[each.key]
}
