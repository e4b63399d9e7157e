import { expect, test } from "vitest";
import { readScript } from "./scripts.ts";

test("sections of debhelper and what every script has need nothing", () => {
  const text = `#!/bin/sh
set -e
case "$1" in
  configure)
    ;;
  abort-upgrade|abort-remove|abort-deconfigure)
    ;;
  *)
    echo "postinst called with unknown argument \\\`$1'" >&2
    exit 1
    ;;
esac
# Automatically added by dh_installsystemd/13.11.4
if [ "$1" = "configure" ]; then
	deb-systemd-helper unmask 'x.service' >/dev/null || true
fi
# End automatically added section
exit 0
`;
  expect(readScript(text)).toEqual({ alternatives: [], nginxModules: [], rest: [] });
});

test("a section of an unknown kind is a need", () => {
  const text =
    "# Automatically added by dh_apache2/UNDECLARED\napache2_invoke enmod x\n# End automatically added section\n";
  expect(readScript(text).rest).toEqual(["a section made by dh_apache2"]);
});

test("what a script does itself is a need", () => {
  expect(
    readScript('#!/bin/sh\nif [ "$1" = configure ]; then\n  chown -R db:db /var/lib/db\nfi\n').rest,
  ).toEqual(["chown -R db:db /var/lib/db"]);
});

test("alternatives are understood, with their slaves and over several lines", () => {
  const text = `if [ "$1" = "configure" ]; then
    update-alternatives --install /usr/bin/js js /usr/bin/nodejs 200 \\
        --slave /usr/share/man/man1/js.1.gz js.1.gz /usr/share/man/man1/nodejs.1.gz
fi
`;
  const { alternatives, rest } = readScript(text);
  expect(rest).toEqual([]);
  expect(alternatives).toEqual([
    {
      priority: 200,
      links: [
        { link: "/usr/bin/js", name: "js", target: "/usr/bin/nodejs" },
        { link: "/usr/share/man/man1/js.1.gz", name: "js.1.gz", target: "/usr/share/man/man1/nodejs.1.gz" },
      ],
    },
  ]);
});

test("alternatives made from variables are a need", () => {
  const line = "update-alternatives --install /usr/bin/$i $i $basedir/bin/$i 100";
  expect(readScript(line)).toMatchObject({ alternatives: [], rest: [line] });
});

test("modules of nginx are enabled", () => {
  const text = `# Automatically added by dh_nginx/UNDECLARED
for confpair in mod-a.conf:50-mod-a.conf mod-b.conf:70-mod-b.conf  ; do
	ln -sf /usr/share/nginx/modules-available/$from /etc/nginx/modules-enabled/$to
done
# End automatically added section
`;
  expect(readScript(text)).toMatchObject({
    nginxModules: [
      { from: "mod-a.conf", to: "50-mod-a.conf" },
      { from: "mod-b.conf", to: "70-mod-b.conf" },
    ],
    rest: [],
  });
});

test("a script that is made to be read forever is read in a moment", () => {
  const begun = process.threadCpuUsage();
  const begins = "# Automatically added by dh_x\n".repeat(30_000);
  expect(readScript(begins).rest).toEqual([]);
  expect(readScript(`echo ${"unknown ".repeat(100_000)}`).rest).toHaveLength(1);
  expect(readScript(`update-alternatives --install ${" ".repeat(500_000)}x`).rest).toHaveLength(1);
  expect(readScript("x".repeat(2 << 20)).rest).toEqual(["a script of 2097152 characters"]);
  expect(process.threadCpuUsage(begun).user).toBeLessThan(5_000_000);
});
