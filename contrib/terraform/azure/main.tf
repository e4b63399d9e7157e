# Servers as virtual machines of Azure. Before `kiln target add`: fill in the settings, run `terraform init` here and keep
# .terraform.lock.hcl.

terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 4.0" }
  }
}

locals {
  resource_group = "my-group"
  location       = "germanywestcentral"
  size           = "Standard_B1s"
  subnet         = "/subscriptions/…/subnets/default"
  public_key     = "ssh-ed25519 AAAA…"                                                                         # Azure asks for one; nothing listens for it when the subnet lets nothing in
  image          = { publisher = "Debian", offer = "debian-12", sku = "12-gen2", version = "0.20250610.2139" } # not "latest"
}

variable "kiln" {
  type = object({
    servers = set(string)
    image   = object({ reference = string })
    env     = map(string)
    tags    = map(string)
  })
}

provider "azurerm" {
  features {}
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

resource "azurerm_network_interface" "server" {
  for_each = var.kiln.servers

  name                = replace(each.key, ".", "-")
  resource_group_name = local.resource_group
  location            = local.location
  tags                = var.kiln.tags

  ip_configuration {
    name                          = "main"
    subnet_id                     = local.subnet
    private_ip_address_allocation = "Dynamic"
  }
}

resource "azurerm_linux_virtual_machine" "server" {
  for_each = var.kiln.servers

  name                  = replace(each.key, ".", "-")
  resource_group_name   = local.resource_group
  location              = local.location
  size                  = local.size
  admin_username        = "nobody-logs-in"
  network_interface_ids = [azurerm_network_interface.server[each.key].id]
  custom_data           = base64encode(local.user_data)
  tags                  = var.kiln.tags

  admin_ssh_key {
    username   = "nobody-logs-in"
    public_key = local.public_key
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "Standard_LRS"
  }

  source_image_reference {
    publisher = local.image.publisher
    offer     = local.image.offer
    sku       = local.image.sku
    version   = local.image.version
  }
}

output "servers" {
  value = [
    for name, it in azurerm_linux_virtual_machine.server :
    { name = name, id = it.virtual_machine_id, address = it.private_ip_address }
  ]
}
