# makes an image of the disk
openstack image create shop-1.4.0 --private --disk-format qcow2 --container-format bare --property architecture=x86_64 --property hw_firmware_type=uefi --property hw_machine_type=q35 --property hw_disk_bus=virtio --property hw_vif_model=virtio --property os_type=linux --property hw_rng_model=virtio --file '/srv/a shop'\''s-1.4.0.qcow2'
