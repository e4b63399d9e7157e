import { expect, test } from "vitest";
import type { TarEntry } from "../../tar/entry.ts";
import { runScripts } from "./run-scripts.ts";

const passwd = "root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n";
const group = "root:x:0:\nadm:x:4:\nwww-data:x:33:\nnogroup:x:65534:\n";

interface Given {
  readonly scripts: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

function run(given: Readonly<Record<string, Given>>) {
  const tree = new Map<string, TarEntry>();
  const put = (path: string, type: "file" | "folder", text = "") => {
    const content = { kind: "bytes", bytes: Buffer.from(text) } as const;
    const base = { path, type, mode: type === "folder" ? 0o755 : 0o644, uid: 0, gid: 0, mtime: 1 };
    tree.set(path, type === "file" ? { ...base, content } : base);
  };
  for (const folder of ["etc", "tmp", "usr", "var", "var/lib"]) put(folder, "folder");
  const packages = Object.entries(given).map(([name, { scripts, files = {} }]) => {
    for (const [path, text] of Object.entries(files)) put(path, "file", text);
    const control = new Map([
      ["package", name],
      ["version", "1.0"],
      ["architecture", "amd64"],
      ["depends", scripts.depends ?? ""],
    ]);
    const members = new Map(
      Object.entries(scripts).map(([kind, text]) => [
        kind,
        kind === "templates" ? text : `#!/bin/sh\nset -e\n${text}`,
      ]),
    );
    return { name, control, members, paths: Object.keys(files), isInterpreted: true };
  });
  const effects = runScripts(packages, { tree, mtime: 7, passwd, group });
  const text = (path: string) => {
    const content = tree.get(path)?.content;
    return content?.kind === "bytes" ? Buffer.from(content.bytes).toString() : undefined;
  };
  return { ...effects, tree, text };
}

/** What a postinst writes to standard output, and the command that is not understood. */
function output(script: string, files: Given["files"] = {}): string {
  const { text, unclear } = run({ one: { scripts: { postinst: `{\n${script}\n} > /out` }, files } });
  return unclear.get("one") ?? text("out") ?? "";
}

test.each([
  ["echo a  b", "a b\n"],
  [`x="a  b"; echo $x "$x" '$x'`, "a b a  b $x\n"],
  ["for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done", "1\n3\n"],
  ["case ab in b*) echo no;; a?|c) echo yes;; esac", "yes\n"],
  ['f() { local x=1; echo "$1 $#"; return 3; }; f a b || echo $?', "a 2\n3\n"],
  [
    `x=/a/b.c; echo \${x%.c} \${x##*/} \${x#/} \${y:-none} \${x:+some} \${#x}`,
    "/a/b b.c a/b.c none some 6\n",
  ],
  ["i=1; while [ $i -le 3 ]; do i=$((i + 1)); done; echo $i", "4\n"],
  ["echo $(echo a; echo b) `echo c`", "a b c\n"],
  ["printf '%s-%s\\n' a b c", "a-b\nc-\n"],
  ["cat <<EOF\n$1 \\$x\nEOF\necho end", "configure $x\nend\n"],
  ["cat <<'EOF'\n$1\nEOF", "$1\n"],
  ["echo a:b:c | cut -d: -f2", "b\n"],
  ["printf 'a b\\nc d\\n' | while read x y; do echo $y; done", "b\nd\n"],
  ["printf 'ab\\ncd\\n' | sed -n 's/^\\(a\\)\\(.\\)$/\\2\\1/p'", "ba\n"],
  ["printf 'ab\\ncd\\n' | grep -v '^a' | tr a-z A-Z", "CD\n"],
  ["(exit 3) || echo $?; ! false && echo not", "3\nnot\n"],
  ['set -- x \'y z\'; shift; for i; do echo "$i"; done; echo "$@"', "y z\ny z\n"],
  ["[ ! -e /none ] && [ -d /etc -a -n x ] && echo both", "both\n"],
  ["if [ -z \"$2\" ]; then echo first; fi; dpkg --compare-versions '' lt-nl 1 || echo new", "first\nnew\n"],
  ["ls /data/*.conf", "/data/a.conf\n/data/b.conf\n"],
  ["find /data -mindepth 1 ! \\( -name '*.txt' -o -name 'b*' \\)", "/data/a.conf\n"],
  ["cd /data && ls -d a.conf; (cd /etc; pwd); pwd", "a.conf\n/etc\n/data\n"],
  ["expr 2 + 3", "5\n"],
  ["echo ab | sed -nes/a/x/ -e's/b/y/p'", "xy\n"],
  ["printf '10\n9\n1.5\n' | sort -g | tail -1", "10\n"],
  ["printf '1.10\n1.9\n' | sort -V", "1.9\n1.10\n"],
  ["echo abcdef | cut -c 2-3,5; echo conf.d/a | cut -b -7", "bce\nconf.d/\n"],
  ["printf 'a b\\0c\\0' | xargs -0 -n 1 echo -", "- a b\n- c\n"],
  ["printf 'x 1\ny 2\n' | awk -v most=1 '$2 > most { print $1, NR; exit 3 }' || echo $?", "y 2\n3\n"],
  ["printf 'a:b\n#c\n' | awk -F: '!/^#/ && $1 == \"a\" { x = $2 } END { print x NF }'", "b1\n"],
  ["df --portability /etc/. | tail -n 1 | awk '{ exit ($4>1000) }' || echo room", "room\n"],
  ["printf 'a\nb\nc\nd\n' | sed -n '/b/,/c/ { s/^/-/; p }'", "-b\n-c\n"],
  ["printf 'a\nb\nc\n' | sed '2a\\\nmore' | sed '1!d;a end'", "a\nend\n"],
  ["printf 'a1\nb2\n' | sed -e 's/1/x/;t end' -e 's/$/ no/' -e ':end'", "ax\nb2 no\n"],
  ["printf 'a\nb\n' | sed ':a;N;$!ba;s/\\n/,/g'", "a,b\n"],
  [
    "adduser --system u; touch /tmp/x; su -s /bin/sh u -c 'whoami; test -O /tmp/x || echo no; touch /tmp/y; test -O /tmp/y && echo own'",
    "u\nno\nown\n",
  ],
  [
    "adduser --system u; [ \"$(id -u u)\" -ne 0 ] && echo user; find /data -name 'b*' -user u -or -name '*.txt' -print0 | tr '\\0' ,",
    "user\n/data/c.txt,",
  ],
  ["printf 'ab\\n' | sed -ne 's/^a/x/p'", "xb\n"],
  ["printf 'ab\\na b\\n' | grep -w a", "a b\n"],
  ["adduser --system u; addgroup u adm; id -Gn u", "nogroup adm\n"],
  ["cd /data; for i in *.conf none*; do echo $i; done", "a.conf\nb.conf\nnone*\n"],
  ["id -u www-data; getent group adm | cut -d: -f3", "33\n4\n"],
  ["while getopts ab: o; do echo $o $OPTARG; done", ""],
])("%s", (script, expected) => {
  expect(output(script, { "data/a.conf": "", "data/b.conf": "", "data/c.txt": "" })).toBe(expected);
});

test.each([
  ["frobnicate --all", "frobnicate --all"],
  ["if true; then echo a; mknod /dev/x c 1 2; fi", "mknod /dev/x c 1 2"],
  ["chown stranger /etc", "chown stranger /etc"],
  ["cp --sparse a b", "cp --sparse a b"],
  ["false", "a postinst that ends with 1, after: false"],
  ["if true", "if true"],
])("%s is not understood", (script, expected) => {
  expect(run({ one: { scripts: { postinst: script } } }).unclear.get("one")).toBe(expected);
});

test("users, groups, folders, modes and owners are as the script says", () => {
  const { sysusers, owners, tree, unclear } = run({
    db: {
      scripts: {
        postinst: `
if ! getent passwd db >/dev/null; then
  adduser --system --group --home /var/lib/db --gecos "The database" db
fi
adduser db adm
install -d -o db -g adm -m 2750 /var/log/db
mkdir -p /etc/db/conf.d
chmod g+w,o= /etc/db
ln -sf ../share/db /usr/db
[ -z "$2" ] || rm -rf /etc/db`,
      },
    },
  });
  expect(unclear.size).toBe(0);
  expect(sysusers).toEqual(["g db -", 'u db -:db "The database" /var/lib/db /usr/sbin/nologin', "m db adm"]);
  expect(tree.get("var/lib/db")).toMatchObject({ type: "folder", mode: 0o755 });
  expect(owners.get("var/lib/db")).toEqual({ user: "db", group: "db" });
  expect(tree.get("var/log/db")).toMatchObject({ mode: 0o2750 });
  expect(owners.get("var/log/db")).toEqual({ user: "db", group: "adm" });
  expect(tree.get("etc/db")).toMatchObject({ mode: 0o770 });
  expect(tree.get("usr/db")?.link).toBe("../share/db");
});

test("what other packages' scripts have made is there, dependencies first", () => {
  const { text, owners } = run({
    aaa: { scripts: { depends: "zzz", postinst: "chown zzz /etc/made\ncat /etc/made > /etc/seen" } },
    zzz: { scripts: { postinst: "adduser --system zzz\necho made > /etc/made" } },
  });
  expect(text("etc/seen")).toBe("made\n");
  expect(owners.get("etc/made")).toMatchObject({ user: "zzz" });
});

test("preinst sees none of the package's files, and postinst what config has answered", () => {
  const { text, unclear } = run({
    one: {
      files: { "usr/own": "own\n" },
      scripts: {
        preinst: "[ ! -e /usr/own ] || echo wrong > /etc/wrong",
        config:
          ". /usr/share/debconf/confmodule\ndb_input high one/name || true\ndb_go || true\ndb_set one/other said",
        templates:
          "Template: one/name\nType: string\nDefault: given\nDescription: x\n\nTemplate: one/other\nType: string\nDescription: y\n",
        postinst:
          '. /usr/share/debconf/confmodule\ndb_get one/name\nx="$RET"\ndb_get one/other\necho "$x $RET" > /etc/answers\nucf /usr/own /etc/own',
      },
    },
  });
  expect(unclear.size).toBe(0);
  expect(text("etc/wrong")).toBeUndefined();
  expect(text("etc/answers")).toBe("given said\n");
  expect(text("etc/own")).toBe("own\n");
});

test("a program of the image that is a shell script is interpreted, another one is not understood", () => {
  const files = { "usr/sbin/enable-it": "#!/bin/sh\ntouch /etc/enabled-$1\n", "usr/sbin/binary": "\x7fELF" };
  const { tree, unclear } = run({
    one: { files, scripts: { postinst: "enable-it x" } },
    two: { scripts: { postinst: "binary" } },
  });
  expect(tree.has("etc/enabled-x")).toBe(true);
  expect([...unclear]).toEqual([["two", "binary"]]);
});

test("a script of the image has its own name, options and functions", () => {
  const script = `#!/bin/sh\nwhile getopts m: o; do echo \${0##*/} $o $OPTARG >> /log; done\n`;
  const { text, unclear } = run({
    one: {
      files: { "usr/sbin/phpenmod": script },
      scripts: { postinst: "f() { phpenmod -m $1; }; f a; f b; while getopts x o; do :; done" },
    },
  });
  expect([...unclear]).toEqual([]);
  expect(text("log")).toBe("phpenmod m a\nphpenmod m b\n");
});

test("keys are not made, and the paths that are missing then are named", () => {
  const { generated, tree } = run({
    one: { scripts: { postinst: "ssh-keygen -q -f /etc/key -N '' -t rsa; ssh-keygen -l -f /etc/key.pub" } },
  });
  expect([...generated]).toEqual(["/etc/key", "/etc/key.pub"]);
  expect(tree.has("etc/key")).toBe(false);
});

test("alternatives are found, also in a loop", () => {
  const { alternatives } = run({
    one: {
      scripts: {
        postinst: "for i in a b; do update-alternatives --install /usr/bin/$i $i /usr/bin/$i.1 5; done",
      },
    },
  });
  expect(alternatives.map(({ links }) => links[0]?.target)).toEqual(["/usr/bin/a.1", "/usr/bin/b.1"]);
});

test("Apache's modules bring those that they need", () => {
  const available = "etc/apache2/mods-available";
  const { tree } = run({
    one: {
      files: {
        [`${available}/x.load`]: "# Depends: y\n",
        [`${available}/y.load`]: "",
        [`${available}/y.conf`]: "",
      },
      scripts: { postinst: "a2enmod -q x" },
    },
  });
  const links = [...tree.values()]
    .filter(({ type }) => type === "symlink")
    .map(({ path, link }) => [path, link]);
  expect(links.sort()).toEqual([
    ["etc/apache2/mods-enabled/x.load", "../mods-available/x.load"],
    ["etc/apache2/mods-enabled/y.conf", "../mods-available/y.conf"],
    ["etc/apache2/mods-enabled/y.load", "../mods-available/y.load"],
  ]);
});
