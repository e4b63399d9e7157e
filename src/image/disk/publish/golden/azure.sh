# copies the disk to the container
az storage blob upload --account-name shopdisks --container-name disks --name shop-1.4.0.vhd --auth-mode login --type page --file /srv/shop-1.4.0.vhd
# makes an image of it
az image create --resource-group shop --name shop-1.4.0 --source https://shopdisks.blob.core.windows.net/disks/shop-1.4.0.vhd --os-type Linux --hyper-v-generation V2
# removes the copy
az storage blob delete --account-name shopdisks --container-name disks --name shop-1.4.0.vhd --auth-mode login
