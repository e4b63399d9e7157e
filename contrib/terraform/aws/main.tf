# Servers as EC2 instances. Before `kiln target add`: fill in the settings, run `terraform init` here and keep .terraform.lock.hcl.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

locals {
  region          = "eu-central-1"
  instance_type   = "t3.small"
  ami             = "ami-00000000000000000" # one image, not the newest: all servers of a release are the same
  subnets         = ["subnet-00000000000000000"]
  security_groups = ["sg-00000000000000000"]
  # Its role may read the service's secrets in Secrets Manager; null for none.
  instance_profile = null
}

variable "kiln" {
  type = object({
    servers = set(string)
    image   = object({ reference = string })
    env     = map(string)
    tags    = map(string)
  })
}

provider "aws" {
  region = local.region
  default_tags { tags = var.kiln.tags }
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

resource "aws_instance" "server" {
  for_each = var.kiln.servers

  ami                    = local.ami
  instance_type          = local.instance_type
  subnet_id              = local.subnets[parseint(substr(sha256(each.key), 0, 4), 16) % length(local.subnets)]
  vpc_security_group_ids = local.security_groups
  iam_instance_profile   = local.instance_profile
  user_data              = local.user_data
  tags                   = { Name = each.key }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}

output "servers" {
  value = [for name, it in aws_instance.server : { name = name, id = it.id, address = it.private_ip }]
}
