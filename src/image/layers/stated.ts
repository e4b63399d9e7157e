import type { ImageSpec } from "../../domain/spec/image-spec.ts";
import type { ProjectFile } from "../project/project-files.ts";

/** Folders of the spec, and the homes of its users: made before the files, which may go into them. */
export function statedFolders({ folders, users }: ImageSpec): readonly ProjectFile[] {
  const homes = users.flatMap(({ name, home }) =>
    home === undefined ? [] : [{ path: home, mode: 0o755, owner: name }],
  );
  return [...homes, ...folders].map(({ path, mode, owner = "0:0" }) => {
    return { entry: -1, to: path.slice(1), type: "folder", mode, owner };
  });
}

/** Symlinks of the spec: made after the files, which would otherwise follow them. */
export function statedLinks({ files, links }: ImageSpec): readonly ProjectFile[] {
  return links.map(({ path, target }) => {
    return {
      entry: files.length,
      to: path.slice(1),
      type: "symlink",
      mode: 0o777,
      owner: "0:0",
      link: target,
    };
  });
}
