/**
 * A unit for systemd.service(5). `KillMode=process` and `Delegate=yes`: servers and router are children that outlive
 * the controller. Settings that put it into its own mount namespace (`ProtectSystem=`, `PrivateTmp=` and similar ones)
 * are left out: the next controller must see the servers' mounts. Settings that processes inherit
 * (`OOMScoreAdjust=`, `RestrictSUIDSGID=`) are left out too: they would apply to the servers and to image builds.
 */
export function systemdUnit(unit: {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
}): string {
  return `# Stop it with systemctl: after \`kiln controller stop\`, systemd starts it again.
[Unit]
Description=Kiln controller
After=network-online.target local-fs.target
Wants=network-online.target
RequiresMountsFor=${quote(unit.home)}

[Service]
Type=simple
ExecStart=${unit.argv.map(quote).join(" ")}
Environment=${Object.entries(unit.env)
    .map(([name, value]) => quote(`${name}=${value}`))
    .join(" ")}
Restart=always
RestartSec=1
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNOFILE=524288
UMask=0077
WorkingDirectory=/
LockPersonality=yes
RestrictRealtime=yes

[Install]
WantedBy=multi-user.target`;
}

/** systemd.syntax(7) and "Command lines" of systemd.service(5): quotes, with `%` and `$` taken literally. */
function quote(word: string): string {
  if (/^[\w@:,./=+-]+$/.test(word)) return word;
  return `"${word.replaceAll(/["\\]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
}
