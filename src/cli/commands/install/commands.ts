import { type Command, Option } from "commander";
import { collected, command, group, type LoadCommand } from "../../program/declare.ts";

export function addInstallCommands(program: Command, load: LoadCommand): void {
  const install = group(program, "install", "install a controller elsewhere");
  command(
    install,
    "kubernetes",
    "print the manifests of a controller that runs in a Kubernetes cluster, or apply them",
    "kiln install kubernetes --registry registry.example/team > controller.yaml",
    "kiln install kubernetes --registry registry.example/team --apply",
  )
    .requiredOption(
      "--registry <REGISTRY>",
      "where images are pushed to and nodes pull them from, such as registry.example/team",
    )
    .option(
      "--image <REFERENCE>",
      "the controller's image, by its digest; default: built from this Kiln and pushed to REGISTRY/kiln-controller",
    )
    .option("--registry-secret <SECRET>", "a Secret of both namespaces with the login for the registry")
    .option("--registry-ca <FILE>", "the certificate of the authority that certifies the registry, in PEM")
    .option("--namespace <NAMESPACE>", "of the controller", "kiln")
    .option("--servers <NAMESPACE>", "of the servers; default: the controller's with `-servers`")
    .option("--target <TARGET>", "what the controller calls the cluster", "cluster")
    .addOption(
      new Option("--expose <TYPE>", "the type of the API's Service")
        .choices(["ClusterIP", "NodePort", "LoadBalancer"])
        .default("ClusterIP"),
    )
    .option("--host <NAME>", "a name by which clients reach it; repeatable", collected)
    .option("--storage <QUANTITY>", "how large the volume for its state is", "10Gi")
    .option("--storage-class <CLASS>", "of that volume; default: the cluster's own")
    .option("--apply", "apply them, and wait until the controller answers")
    .option("--kubeconfig <FILE>", "with which they are applied; default: $KUBECONFIG or ~/.kube/config")
    .option("--context <CONTEXT>", "a context of that file; default: the current one")
    .option("--no-wait", "do not wait until the controller answers")
    .action(load(async () => (await import("./kubernetes.ts")).run));
}
