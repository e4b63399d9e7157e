import { Document, isMap, isSeq, visit } from "yaml";
import type { ComposeDraft } from "./service/service.ts";

/** A remark as a line of the file says it. */
export interface WrittenRemark {
  readonly line: number;
  readonly message: string;
  readonly hint: string;
}

/** The kiln.yaml of these services, which are in one folder. `from`: the Compose file's name. */
export function kilnYaml(
  from: string,
  drafts: readonly { readonly draft: ComposeDraft; readonly remarks: readonly WrittenRemark[] }[],
): string {
  const head = `# Made from ${from} by \`kiln init\`. All keys: docs/kiln-yaml.md of Kiln\n`;
  const documents = drafts.map(
    ({ draft, remarks }) => `${remarkLines(from, remarks)}${yamlOf(draft.document)}`,
  );
  return head + documents.join("---\n");
}

function remarkLines(from: string, remarks: readonly WrittenRemark[]): string {
  return remarks
    .flatMap(({ line, message, hint }) => [
      `# ${from}:${line}: ${oneLine(message)}`,
      `#     ${oneLine(hint)}`,
    ])
    .map((line) => `${line}\n`)
    .join("");
}

/** A value of the file may have a line end: it must not end the comment. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

/** Lists of single words and their mappings take one line each, as in the examples. */
function yamlOf(value: object): string {
  const document = new Document(value);
  visit(document, {
    Map: (_, node, path) => {
      node.flow = node.items.length === 0 || path.some((parent) => isSeq(parent));
    },
    Seq: (_, node) => {
      node.flow = node.items.every((item) => !isMap(item));
    },
  });
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: true });
  return text.replaceAll(/^( *[\w-]+: )\[ (.*) \]$/gm, "$1[$2]");
}
