locals {
  services = [
    "compute.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
  ]
}

resource "google_project_service" "needed" {
  for_each           = toset(local.services)
  service            = each.value
  disable_on_destroy = false
}

# Network: private nodes, and a private address for the database.

resource "google_compute_network" "main" {
  name                    = var.name
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "${var.name}-nodes"
  network                  = google_compute_network.main.id
  ip_cidr_range            = "10.20.0.0/20"
  private_ip_google_access = true
  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.24.0.0/14"
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.28.0.0/20"
  }
}

resource "google_compute_global_address" "services" {
  name          = "${var.name}-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.main.id
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.main.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

# Cluster. Autopilot enforces NetworkPolicies and bills what the pods ask for.

resource "google_container_cluster" "main" {
  name                = var.name
  location            = var.region
  enable_autopilot    = true
  deletion_protection = var.deletion_protection
  network             = google_compute_network.main.id
  subnetwork          = google_compute_subnetwork.nodes.id

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  master_authorized_networks_config {
    dynamic "cidr_blocks" {
      for_each = var.authorized_networks
      content {
        display_name = cidr_blocks.key
        cidr_block   = cidr_blocks.value
      }
    }
  }

  release_channel {
    channel = "REGULAR"
  }
}

# Parquet.

resource "random_id" "bucket" {
  byte_length = 4
}

resource "google_storage_bucket" "lake" {
  name                        = "${var.name}-lake-${random_id.bucket.hex}"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  # Deleted and overwritten objects can be brought back for a week, which is billed.
  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  # Only uploads that a killed process left. Never let a rule touch the objects: retention is canardstack's.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_service_account" "storage" {
  account_id   = "${var.name}-storage"
  display_name = "canardstack: reads and writes its bucket by HMAC key"
  depends_on   = [google_project_service.needed]
}

resource "google_storage_bucket_iam_member" "storage" {
  bucket = google_storage_bucket.lake.name
  role   = "roles/storage.objectAdmin"
  member = google_service_account.storage.member
}

resource "google_storage_hmac_key" "storage" {
  service_account_email = google_service_account.storage.email
}

# Catalog: it says which files make up which table, so it is what must survive.

resource "google_sql_database_instance" "catalog" {
  name                = "${var.name}-catalog"
  database_version    = "POSTGRES_16"
  region              = var.region
  deletion_protection = var.deletion_protection
  depends_on          = [google_service_networking_connection.services]

  settings {
    tier                        = var.database_tier
    edition                     = "ENTERPRISE"
    availability_type           = var.database_high_availability ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.database_disk_gib
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      backup_retention_settings {
        retained_backups = 14
      }
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.main.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    maintenance_window {
      day  = 7
      hour = 3
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_sql_database" "catalog" {
  name     = "canardstack"
  instance = google_sql_database_instance.catalog.name
}

resource "random_password" "database" {
  length  = 32
  special = false
}

resource "google_sql_user" "catalog" {
  name     = "canardstack"
  instance = google_sql_database_instance.catalog.name
  password = random_password.database.result
}
