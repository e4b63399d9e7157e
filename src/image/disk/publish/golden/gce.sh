# copies the disk to the bucket
gcloud storage cp /srv/shop-1.4.0.tar.gz gs://images/shop-1-4-0.tar.gz
# makes an image of it
gcloud compute images create shop-1-4-0 --source-uri=gs://images/shop-1-4-0.tar.gz --architecture=X86_64 --guest-os-features=UEFI_COMPATIBLE,GVNIC,VIRTIO_SCSI_MULTIQUEUE --platform-key-file=/keys/PK.cer --key-exchange-key-file=/keys/KEK.cer --signature-database-file=/keys/db.cer
# removes the copy
gcloud storage rm gs://images/shop-1-4-0.tar.gz
