# copies the disk to the bucket
aws s3 cp /srv/shop-1.4.0.raw s3://images/shop-1.4.0.raw
# makes a snapshot of it
TASK=$(aws ec2 import-snapshot --disk-container 'Format=RAW,UserBucket={S3Bucket=images,S3Key=shop-1.4.0.raw}' --query ImportTaskId --output text)
[ "$TASK" != None ]
# waits for that
aws ec2 wait snapshot-imported --import-task-ids "${TASK}"
# finds the snapshot
SNAPSHOT=$(aws ec2 describe-import-snapshot-tasks --import-task-ids "${TASK}" --query 'ImportSnapshotTasks[0].SnapshotTaskDetail.SnapshotId' --output text)
[ "$SNAPSHOT" != None ]
# makes an image of the snapshot
IMAGE=$(aws ec2 register-image --name shop-1.4.0 --architecture x86_64 --virtualization-type hvm --boot-mode uefi --imds-support v2.0 --ena-support --root-device-name /dev/xvda --block-device-mappings "DeviceName=/dev/xvda,Ebs={SnapshotId=${SNAPSHOT},VolumeType=gp3,DeleteOnTermination=true}" --query ImageId --output text)
[ "$IMAGE" != None ]
# removes the copy
aws s3 rm s3://images/shop-1.4.0.raw
