import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { systemPackages } from "./system-packages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const starters = new Set(["exec", "spawn", "spawnSync", "execFile", "execFileSync"]);
/** Programs that start the one that follows in their arguments. */
const wrappers = new Set(["nsenter", "unshare", "setpriv", "stdbuf"]);

/** Kiln's own Node.js, programs of users within servers, and names that come from the list itself. */
const ofOtherOrigin = new Set(["process.execPath", "program", "path", "`docker-credential-$" + "{name}`"]);

/** A program that something in src/ starts, or an expression that names one, with its place. */
interface Started {
  readonly program?: string;
  readonly expression?: string;
  readonly place: string;
}

test("each program that src/ starts comes with a package of the list", () => {
  const listed = new Set(systemPackages().flatMap(({ programs }) => programs));
  const started = startedPrograms();
  expect(started.length).toBeGreaterThan(30);
  expect(started.filter(({ program }) => program !== undefined && !listed.has(program))).toEqual([]);
  expect(started.filter(({ expression: e }) => e !== undefined && !ofOtherOrigin.has(e))).toEqual([]);
}, 600_000); // all types of src/ are computed: minutes where the machine has much else to do; that is why it is not among the unit tests

/**
 * Argument vectors are tuples `[string, ...string[]]` all over the sources, so each array literal where such a tuple is
 * expected names a program first; and so does each call of what starts one.
 */
function startedPrograms(): readonly Started[] {
  const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(fileNames.filter(isOfKiln), options);
  const checker = program.getTypeChecker();
  const found: Started[] = [];
  for (const source of program.getSourceFiles().filter(({ fileName }) => isOfKiln(fileName))) {
    const visit = (node: ts.Node): void => {
      const place = () => `${relative(root, source.fileName)}:${lineOf(source, node)}`;
      if (ts.isCallExpression(node) && starters.has(node.expression.getText(source))) {
        const [first] = node.arguments;
        if (first !== undefined && isStringType(checker.getTypeAtLocation(first)))
          found.push({ ...named(first, source), place: place() });
      }
      if (ts.isArrayLiteralExpression(node) && isArgv(checker, node))
        found.push(...programsOf(checker, node, source).map((named) => ({ ...named, place: place() })));
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

function isOfKiln(path: string): boolean {
  return (
    path.startsWith(`${root}src/`) &&
    !/\.test\.ts$|\/test-[^/]*\.ts$|\/testing\.ts$|-helper\.ts$/.test(path) &&
    !path.endsWith("child-backend.ts")
  );
}

function isArgv(checker: ts.TypeChecker, node: ts.ArrayLiteralExpression): boolean {
  const expected = checker.getContextualType(node);
  return expected !== undefined && checker.typeToString(expected) === "readonly [string, ...string[]]";
}

function programsOf(
  checker: ts.TypeChecker,
  node: ts.ArrayLiteralExpression,
  source: ts.SourceFile,
): readonly Omit<Started, "place">[] {
  const [first, ...rest] = node.elements;
  if (first === undefined) return [];
  if (ts.isSpreadElement(first)) {
    const spread = checker.getTypeAtLocation(first.expression);
    const literal = checker.isTupleType(spread)
      ? checker.getTypeArguments(spread as ts.TypeReference)[0]
      : undefined;
    if (literal?.isStringLiteral()) return [{ program: literal.value }];
    // Of type `[string, ...string[]]` itself: the literal that it was made of is found where it is.
    return checker.isTupleType(spread) ? [] : [{ expression: first.getText(source) }];
  }
  const own = named(first, source);
  if (own.program === undefined || !wrappers.has(own.program)) return [own];
  const names = rest.flatMap((element) => (ts.isStringLiteral(element) ? [element.text] : []));
  return [own, ...names.filter((name) => /^[a-z][a-z.-]*$/.test(name)).map((program) => ({ program }))];
}

function named(node: ts.Expression, source: ts.SourceFile): Omit<Started, "place"> {
  return ts.isStringLiteral(node) ? { program: node.text } : { expression: node.getText(source) };
}

function isStringType(type: ts.Type): boolean {
  return (type.flags & ts.TypeFlags.StringLike) !== 0;
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}
