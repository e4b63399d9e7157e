/**
 * Makes a picture of what a terminal showed at the end: reads a typescript of script(1), writes SVG.
 *
 *   script -qec "./kiln quickstart" run.tty && node scripts/picture.ts < run.tty > docs/quickstart.svg
 */
import { text } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";

const size = { letter: 7.8, line: 18, margin: 16, font: 13 };
const colours = {
  page: "#0d1117",
  plain: "#c9d1d9",
  dim: "#8b949e",
  green: "#56d364",
  yellow: "#e3b341",
  red: "#ff7b72",
};

const escapeCharacter = String.fromCharCode(27);
const takesBack = new RegExp(`^${escapeCharacter}\\[(\\d+)A${escapeCharacter}\\[J`);
const look = new RegExp(`${escapeCharacter}\\[(\\d+)m`);

/** Attributes of an SVG text for each of the terminal's (ECMA-48, SGR). */
const looks: Readonly<Record<string, string>> = {
  "1": 'font-weight="bold"',
  "2": `fill="${colours.dim}"`,
  "31": `fill="${colours.red}"`,
  "32": `fill="${colours.green}"`,
  "33": `fill="${colours.yellow}"`,
};

/** What remains on the screen: `ESC [ n A` and `ESC [ J` take lines back, and so they are. */
function shownLines(typescript: string): string[] {
  const lines: string[] = [];
  for (const line of typescript.replaceAll("\r", "").split("\n")) {
    const back = takesBack.exec(line);
    if (back) lines.splice(lines.length - Number(back[1]));
    lines.push(back ? line.slice(back[0].length) : line);
  }
  return lines.filter((line) => !/^Script (started|done) on /.test(line));
}

/** Splitting gives text, look, text, look, ...: each look belongs to the text after it. */
function spans(line: string): string {
  const [plain = "", ...rest] = line.split(look);
  const styled = rest.flatMap((part, i) => (i % 2 === 1 ? [span(rest[i - 1] ?? "", part)] : []));
  return escaped(plain) + styled.join("");
}

function span(code: string, part: string): string {
  const attributes = looks[code];
  return attributes === undefined ? escaped(part) : `<tspan ${attributes}>${escaped(part)}</tspan>`;
}

function escaped(part: string): string {
  return part.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function picture(lines: readonly string[]): string {
  const columns = Math.max(...lines.map((line) => stripVTControlCharacters(line).length));
  const width = Math.ceil(columns * size.letter + 2 * size.margin);
  const height = lines.length * size.line + 2 * size.margin;
  const rows = lines.map((line, i) => {
    const y = size.margin + (i + 0.75) * size.line;
    return line === ""
      ? []
      : [`<text x="${size.margin}" y="${y}" xml:space="preserve">${spans(line)}</text>`];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    "<title>What a terminal shows of `kiln quickstart`</title>",
    `<rect width="100%" height="100%" rx="8" fill="${colours.page}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="${size.font}" fill="${colours.plain}">`,
    ...rows.flat(),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

const lines = shownLines(await text(process.stdin));
const first = lines.findIndex((line) => line !== "");
process.stdout.write(
  picture(["$ ./kiln quickstart", "", ...lines.slice(first, lines.findLastIndex((line) => line !== "") + 1)]),
);
