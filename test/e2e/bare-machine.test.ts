import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareRoot, makeBareRoot, whyNoBareRoot } from "./bare-root.ts";

const why = whyNoBareRoot();
if (why !== undefined) console.log(`Skipped: the README's commands on a bare machine, because ${why}.`);

const minutes = 60_000;

/** Opens the link as a browser does, and prints what the page and its script are answered with. */
const openDashboard = `
  mkfifo /tmp/link; ./kiln ui >/tmp/link & ui=$!
  read -r link </tmp/link; rm /tmp/link
  node_modules/.bin/node -e '
    const { origin } = new URL(process.argv[1]);
    const cookie = (await fetch(process.argv[1])).headers.get("set-cookie").split(";")[0];
    const get = async (path) => {
      const answer = await fetch(origin + path, { headers: { cookie } });
      console.log(path, answer.status);
      return answer.text();
    };
    const page = await get("/index.html");
    await get(/src="(.*?\\.js)"/.exec(page)[1]);
  ' --input-type=module "$link"
  kill -TERM $ui; wait $ui; ./kiln controller stop`;

describe.skipIf(why !== undefined)("on a Debian with nothing but git, as the README says", () => {
  let root: BareRoot;
  beforeAll(async () => {
    root = await makeBareRoot();
  }, 10 * minutes);
  afterAll(() => root?.[Symbol.dispose]());

  /** Runs in the clone; fails with all that was said. */
  async function ok(title: string, commandLine: string): Promise<string> {
    const { code, stdout, stderr } = await root.run(title, commandLine);
    expect(code, `${commandLine}\n${stdout}\n${stderr}`).toBe(0);
    return stdout + stderr;
  }

  test(
    "the quickstart brings what is missing, loses no request, and leaves nothing",
    async () => {
      await ok("clone", "git clone --quiet /kiln.bundle /root/kiln");
      const told = await ok("./kiln quickstart", "cd /root/kiln && ./kiln quickstart");
      expect(told).toMatch(/Setting up: npm, .*Setting up: system packages .*nftables/s);
      expect(told).toMatch(/ served, 0 lost, /);
      const left =
        "ls -d /var/lib/kiln* /root/kiln/node_modules/typescript /tmp/*; ip -o link; ip netns; nft list tables";
      const said = await root.run("look at what is left", left);
      expect(said.stdout).not.toMatch(/kiln/);
      expect(said.stdout).not.toMatch(/tmp/);
    },
    20 * minutes,
  );

  test(
    "again it has nothing to bring, and works the same",
    async () => {
      const told = await ok(
        "./kiln quickstart, again",
        "cd /root/kiln && ./kiln quickstart && ./kiln doctor",
      );
      expect(told).not.toContain("Setting up");
      expect(told).toMatch(/ served, 0 lost, /);
    },
    10 * minutes,
  );

  test(
    "the dashboard comes when someone asks for it, and its tools do not stay",
    async () => {
      const told = await ok("./kiln ui", `cd /root/kiln && ${openDashboard}`);
      expect(told).toMatch(/Setting up: the dashboard/);
      expect(told).toMatch(/\/index\.html 200\n\/assets\/.*\.js 200\n/);
      const left = await ok(
        "look at what is left",
        "cd /root/kiln && ls -A .cache node_modules && ./kiln ui --help",
      );
      expect(left).not.toMatch(/^(dashboard\.|vite$|Setting up)/m);
    },
    10 * minutes,
  );

  test(
    "the tools of the checks work, and the main job passes end to end",
    async () => {
      // On a part: what they say of all files depends on the commit and the lock file, not on the machine.
      const tools = [
        "npx biome ci scripts",
        "node node_modules/typescript-native/bin/tsc -p src/dashboard",
        "npx depcruise --config .dependency-cruiser.cjs src/lib",
        "npx knip --version",
      ];
      const job = "npx vitest run --project integration test/e2e/main-job.test.ts";
      await ok("npm ci", "cd /root/kiln && sh scripts/ensure.sh --system");
      await ok("the tools of npm run check", `cd /root/kiln && ${tools.join(" && ")}`);
      const told = await ok("the main job", `cd /root/kiln && ${job}`);
      expect(told).toMatch(/Tests\s+(\d+) passed \(\1\)/);
    },
    20 * minutes,
  );

  test(
    "the package for Debian: made, installed, upgraded under traffic, removed, purged",
    async () => {
      const told = await ok("the package for Debian", "cd /root/kiln && test/e2e/package-deb.sh");
      expect(told).toMatch(/ asked, 0 lost\n[\s\S]*All holds\./);
    },
    20 * minutes,
  );
});
