// The configuration of a cluster's programs: https://kubernetes.io/docs/reference/config-api/, https://www.cni.dev/docs/spec/

/** `mirror`: where images of registries with these names come from. */
export function containerdConfig(
  folder: string,
  mirror: { readonly names: readonly string[]; readonly host: string; readonly port: number } | undefined,
): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "/run/containerd.sock"
[${cri}]
  sandbox_image = "kiln.test/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${folder}/cni"
${mirror?.names.map((name) => `[${cri}.registry.mirrors."${name}"]\n  endpoint = ["http://${mirror.host}:${mirror.port}"]\n`).join("") ?? ""}`;
}

/** Of CNI: every pod has an address of `subnet`. */
export function networkConfig(subnet: string): object {
  return {
    ...{ cniVersion: "0.4.0", name: "kiln" },
    plugins: [
      {
        ...{ type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true },
        ipam: {
          type: "host-local",
          dataDir: "/run/cni",
          ranges: [[{ subnet }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  };
}

export function kubeletConfig(cgroup: string, resolvConf: string): object {
  return {
    ...{ kind: "KubeletConfiguration", apiVersion: "kubelet.config.k8s.io/v1beta1" },
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    ...{ cgroupDriver: "cgroupfs", cgroupRoot: `/${cgroup}`, enforceNodeAllocatable: [], failSwapOn: false },
    evictionHard: { "memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
    ...{
      imageGCHighThresholdPercent: 100,
      readOnlyPort: 0,
      resolvConf,
      nodeStatusUpdateFrequency: "1s",
      syncFrequency: "2s",
    },
    ...{ registryPullQPS: 0, eventRecordQPS: 0, kubeAPIQPS: 200, kubeAPIBurst: 400 },
  };
}

export interface ClusterUser {
  readonly server: string;
  readonly authority: string;
  readonly token: string;
}

export function kubeconfigText({ server, authority, token }: ClusterUser): string {
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "test" },
    clusters: [{ name: "test", cluster: { server, "certificate-authority": authority } }],
    users: [{ name: "test", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
  });
}
