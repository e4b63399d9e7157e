# Servers of Hetzner Cloud in a private network. Before `kiln target add`: fill in the settings, run `terraform init` here and keep
# .terraform.lock.hcl. The token is HCLOUD_TOKEN in the target's environment file.

terraform {
  required_providers {
    hcloud = { source = "hetznercloud/hcloud", version = "~> 1.49" }
  }
}

locals {
  location    = "fsn1"
  server_type = "cx22"
  image       = "debian-12"
  network_id  = 0
}

variable "kiln" {
  type = object({
    servers = set(string)
    image   = object({ reference = string })
    env     = map(string)
    tags    = map(string)
  })
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

resource "hcloud_server" "server" {
  for_each = var.kiln.servers

  name        = replace(each.key, ".", "-")
  location    = local.location
  server_type = local.server_type
  image       = local.image
  user_data   = local.user_data
  labels      = var.kiln.tags

  public_net {
    ipv4_enabled = false
    ipv6_enabled = true
  }

  network {
    network_id = local.network_id
  }
}

output "servers" {
  value = [
    for name, it in hcloud_server.server : { name = name, id = it.id, address = one(it.network).ip }
  ]
}
