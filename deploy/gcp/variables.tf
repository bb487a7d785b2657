variable "project" {
  type        = string
  description = "Id of the Google Cloud project."
}

variable "region" {
  type        = string
  description = "Region of everything, the bucket included: traffic between regions is billed."
  default     = "europe-west1"
}

variable "name" {
  type        = string
  description = "Prefix of all names."
  default     = "canardstack"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "name is 3 to 21 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "namespace" {
  type        = string
  description = "Kubernetes namespace that the chart is installed in."
  default     = "canardstack"
}

variable "authorized_networks" {
  type        = map(string)
  description = "Who may reach the cluster's control plane: a name for each CIDR block. Empty: Google Cloud's own addresses of this VPC alone."
  default     = {}
}

variable "database_tier" {
  type        = string
  description = "Machine of the Cloud SQL catalog. It holds metadata and the rows of small commits, not Parquet."
  default     = "db-custom-2-8192"
}

variable "database_high_availability" {
  type        = bool
  description = "A standby in a second zone, at twice the price."
  default     = true
}

variable "database_disk_gib" {
  type        = number
  description = "Disk of the catalog; it grows by itself."
  default     = 20
}

variable "deletion_protection" {
  type        = bool
  description = "Keeps terraform from destroying the cluster and the database. The bucket is never destroyed while it holds objects."
  default     = true
}
