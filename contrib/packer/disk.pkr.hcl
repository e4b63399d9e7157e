# A disk of Kiln as the artifact of a Packer build: `packer build -var image=shop:1.4.0 disk.pkr.hcl`, as root.
# Post-processors for clouds, such as amazon-import, take it from there.

variable "image" {
  type = string
}

variable "format" {
  type    = string
  default = "raw"
}

source "null" "disk" {
  communicator = "none"
}

build {
  sources = ["source.null.disk"]

  provisioner "shell-local" {
    inline = ["kiln image disk '${var.image}' --format '${var.format}' --output 'disk.${var.format}' --force"]
  }

  post-processors {
    post-processor "artifice" {
      files = ["disk.${var.format}"]
    }
    post-processor "checksum" {
      checksum_types = ["sha256"]
      output         = "disk.sha256"
    }
  }
}
