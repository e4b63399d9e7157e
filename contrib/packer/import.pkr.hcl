# What a Packer build makes as an image of Kiln: `packer build -var root=./root -var as=shop:1.4.0 import.pkr.hcl`.
# Here the artifact is an archive of a folder; one of the builder docker (export_path, docker-save) goes the same way.

variable "root" {
  type = string
}

variable "as" {
  type = string
}

variable "command" {
  type = string
}

source "null" "root" {
  communicator = "none"
}

build {
  sources = ["source.null.root"]

  provisioner "shell-local" {
    inline = ["tar -C '${var.root}' --numeric-owner --owner=0 --group=0 --sort=name --mtime=@0 -cf root.tar ."]
  }

  post-processors {
    post-processor "artifice" {
      files = ["root.tar"]
    }
    post-processor "shell-local" {
      inline = ["kiln image import root.tar --as '${var.as}' -- ${var.command}"]
    }
  }
}
