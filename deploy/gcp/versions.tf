terraform {
  required_version = ">= 1.6"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }
  # The state holds the HMAC secret and the database password: keep it in a bucket that few may read.
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region
}
