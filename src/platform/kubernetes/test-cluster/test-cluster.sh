#!/bin/sh
# Process 1 of a cluster of one node, in a network, mount and process namespace of its own: when it ends, all of that is gone.
# Arguments: folder of this cluster, folder of the programs, address of the machine, address of the node, network of pods, network of services.
set -eu
folder=$1 programs=$2 machine=$3 node=$4 pods=$5 services=$6

# What the kubelet would otherwise set for the whole machine.
for tunable in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file="$folder/tunables/$(basename "${tunable%=*}")"
  mkdir -p "$folder/tunables"
  echo "${tunable#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${tunable%=*}"
done
for place in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mkdir -p /run/lock /var/lib/cni /var/log/pods /var/log/containers

ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip addr add "$node/30" dev eth0
ip link set eth0 up
ip route add default via "$machine"
echo 1 >/proc/sys/net/ipv4/ip_forward

start() {
  name=$1
  shift
  "$@" >"$folder/$name.log" 2>&1 </dev/null &
}

# On a busy machine these give up before the API server answers them: they are started again, as a service manager would.
keep() {
  name=$1
  shift
  (while :; do "$@" || sleep 0.5; done) >"$folder/$name.log" 2>&1 </dev/null &
}

start etcd "$programs/etcd" --data-dir "$folder/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --log-level error
start containerd containerd --config "$folder/containerd.toml"
start apiserver "$programs/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --secure-port 6443 --bind-address 0.0.0.0 \
  --advertise-address "$node" --cert-dir "$folder/certificates" --tls-cert-file "$folder/server.pem" --tls-private-key-file "$folder/server.key" \
  --client-ca-file "$folder/server.pem" --token-auth-file "$folder/tokens.csv" --authorization-mode RBAC \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$folder/accounts.key" \
  --service-account-signing-key-file "$folder/accounts.key" --service-cluster-ip-range "$services" --allow-privileged \
  --kubelet-preferred-address-types InternalIP --event-ttl 1h --watch-cache=true
keep controller-manager "$programs/kube-controller-manager" --kubeconfig "$folder/admin.kubeconfig" --leader-elect=false \
  --service-account-private-key-file "$folder/accounts.key" --root-ca-file "$folder/server.pem" --use-service-account-credentials=false --port 0 \
  --controllers '*,-nodeipam,-service,-attachdetach,-persistentvolume-expander,-cloud-node-lifecycle,-route'
keep scheduler "$programs/kube-scheduler" --kubeconfig "$folder/admin.kubeconfig" --leader-elect=false --port 0

until ctr --address /run/containerd.sock version >/dev/null 2>&1; do sleep 0.1; done
ctr --address /run/containerd.sock -n k8s.io images import "$folder/pause.tar" >"$folder/import.log" 2>&1
until [ -e "$folder/api-answers" ]; do sleep 0.1; done
keep kubelet "$programs/kubelet" --config "$folder/kubelet.yaml" --kubeconfig "$folder/admin.kubeconfig" --root-dir "$folder/kubelet" \
  --cert-dir "$folder/kubelet-certificates" --container-runtime remote --container-runtime-endpoint unix:///run/containerd.sock \
  --hostname-override node --node-ip "$node"
keep proxy "$programs/kube-proxy" --kubeconfig "$folder/admin.kubeconfig" --proxy-mode iptables --cluster-cidr "$pods" \
  --conntrack-max-per-core 0 --iptables-min-sync-period 100ms --hostname-override node --healthz-bind-address 127.0.0.1 --metrics-bind-address 127.0.0.1:10249
wait
