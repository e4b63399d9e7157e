# Servers as Compute Engine instances. Before `kiln target add`: fill in the settings, run `terraform init` here and keep
# .terraform.lock.hcl.

terraform {
  required_providers {
    google = { source = "hashicorp/google", version = "~> 6.0" }
  }
}

locals {
  project      = "my-project"
  zones        = ["europe-west3-a", "europe-west3-b"]
  machine_type = "e2-small"
  image        = "projects/debian-cloud/global/images/debian-12-bookworm-v20250610" # one image, no family
  subnetwork   = "projects/my-project/regions/europe-west3/subnetworks/default"
}

variable "kiln" {
  type = object({
    servers = set(string)
    image   = object({ reference = string })
    env     = map(string)
    tags    = map(string)
  })
}

provider "google" {
  project = local.project
}

locals {
  user_data = format("#cloud-config\n%s", jsonencode({
    packages = ["podman"]
    write_files = [{
      path        = "/etc/kiln.env"
      permissions = "0600"
      content     = join("\n", [for name, value in var.kiln.env : "${name}=${value}"])
    }]
    runcmd = [["podman", "run", "--detach", "--restart=always", "--network=host", "--read-only", "--env-file=/etc/kiln.env", var.kiln.image.reference]]
  }))
}

resource "google_compute_instance" "server" {
  for_each = var.kiln.servers

  name         = replace(each.key, ".", "-")
  zone         = local.zones[parseint(substr(sha256(each.key), 0, 4), 16) % length(local.zones)]
  machine_type = local.machine_type
  labels       = { for key, value in var.kiln.tags : key => replace(value, ".", "-") }
  metadata     = { user-data = local.user_data }

  boot_disk {
    initialize_params { image = local.image }
  }

  network_interface {
    subnetwork = local.subnetwork
  }
}

output "servers" {
  value = [
    for name, it in google_compute_instance.server :
    { name = name, id = it.instance_id, address = it.network_interface[0].network_ip }
  ]
}
