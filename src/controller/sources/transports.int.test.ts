import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { aRepository, serveByHttp } from "./testing.ts";

/** Trusting an authority is a matter of the machine's own list, which is replaced for one process. */
const bundle = "/etc/ssl/certs/ca-certificates.crt";
const apart = ["unshare", "--mount", "--propagation", "private"] as const;
const [program, ...given] = [...apart, "true"];
const canMount = spawnSync(program, given).status === 0;
if (!canMount)
  console.log("Skipped: a repository by https, because this user cannot make a mount namespace.");

async function certificate(folder: string): Promise<{ readonly key: string; readonly cert: string }> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await exec([
    ...([
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
    ] as const),
    ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=forge"],
    ...["-addext", "subjectAltName=IP:127.0.0.1"],
  ]);
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

/** What the controller does with a repository: asks for its head, fetches it, and writes its files. */
const script = `
const { Repository } = await import(process.argv[1]);
const [, , folder, url, credentials] = process.argv;
const source = {
  service: "shop", url, branch: "main", path: ".", intervalMs: 60_000, addedAtMs: 0, addedBy: "ada", nextLookAtMs: 0,
  ...(credentials === "" ? {} : { credentials }),
};
const repository = new Repository(folder, source, new AbortController().signal);
try {
  const id = await repository.head();
  const { commit } = await repository.fetch(id, { rewritten: false });
  console.log(JSON.stringify({ id: commit.id, folder: await repository.checkOut(id) }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
`;

test.skipIf(!canMount)(
  "a repository is fetched by https with a token, and not without it, nor from a host that no authority certifies",
  async () => {
    using repository = await aRepository();
    const { base } = repository;
    const id = await repository.commit({ "kiln.yaml": "service: shop\n" });
    const tls = await certificate(base);
    const authorization = `Basic ${Buffer.from("x-access-token:s3cret").toString("base64")}`;
    await using server = await serveByHttp(repository, { tls, authorization });
    const token = join(base, "token");
    writeFileSync(token, "s3cret\n", { mode: 0o600 });
    const module = new URL("./repository.ts", import.meta.url).pathname;
    const fetched = async (credentials: string, isTrusted: boolean) => {
      const trust = isTrusted ? `mount --bind ${join(base, "cert.pem")} ${bundle} && ` : "";
      const node = [process.execPath, "--input-type=module", "-e", script, "--", module];
      const argv = [...apart, "sh", "-c", `${trust}exec "$@"`, "sh", ...node] as const;
      const { stdout } = await exec([...argv, join(base, "sources"), server.url, credentials]);
      return JSON.parse(stdout) as { readonly folder: string };
    };
    const good = await fetched(token, true);
    expect(good).toMatchObject({ id });
    expect(readFileSync(join(good.folder, "kiln.yaml"), "utf8")).toBe("service: shop\n");
    expect(await fetched("", true)).toMatchObject({ code: "source_unreachable" });
    expect(await fetched(token, false)).toMatchObject({
      code: "source_unreachable",
      message: expect.stringMatching(/certificate/i),
    });
  },
);
