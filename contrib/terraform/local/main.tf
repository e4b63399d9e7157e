# Servers that need no cloud: each is a process of this machine, with a loopback address of its own, that answers with the name of its
# server and of its release. It shows what a module is for Kiln; what it runs is not the service's image.

variable "kiln" {
  type = object({
    service = string
    release = number
    servers = set(string)
    port    = number
    image   = object({ digest = string })
    env     = map(string)
    tags    = map(string)
  })
}

locals {
  # 127.64.0.0 to 127.254.255.255, by installation, target and name: the same server has the same address in every plan.
  place = "${var.kiln.tags["kiln-installation"]} ${var.kiln.tags["kiln-target"]}"
  mark  = { for name in var.kiln.servers : name => sha256("${local.place} ${name}") }
  address = {
    for name, mark in local.mark : name => format("127.%d.%d.%d",
      64 + parseint(substr(mark, 0, 4), 16) % 191,
      parseint(substr(mark, 4, 2), 16),
    1 + parseint(substr(mark, 6, 2), 16) % 254)
  }
}

resource "terraform_data" "server" {
  for_each = var.kiln.servers

  input = {
    name    = each.key
    address = local.address[each.key]
    port    = var.kiln.port
    answer  = "${var.kiln.service} ${var.kiln.release} ${lookup(var.kiln.env, "MESSAGE", "")}"
  }

  provisioner "local-exec" {
    command     = "./start.sh"
    working_dir = path.module
    environment = {
      NAME    = self.input.name
      ADDRESS = self.input.address
      PORT    = self.input.port
      ANSWER  = self.input.answer
    }
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "./stop.sh"
    working_dir = path.module
    environment = {
      ADDRESS = self.output.address
      PORT    = self.output.port
    }
  }
}

output "servers" {
  value = [
    for name, server in terraform_data.server : { name = name, id = server.id, address = server.output.address }
  ]
}
