import { expect, test } from "vitest";
import { errorIn } from "./words.ts";
import { parseEnvironment } from "./workplace.ts";

const failed = `
│ Warning: Something else
│
╵
╷
│ Error: Invalid credentials
│
│   with provider["registry.example/hashicorp/aws"],
│
│ The key hunter2hunter2 is refused.
╵
╷
│ Error: Another one
`;

test("an error of Terraform is one line, without the values of its environment", () => {
  expect(errorIn(failed, { SECRET: "hunter2hunter2", REGION: "eu" })).toBe(
    'Invalid credentials with provider["registry.example/hashicorp/aws"], The key *** is refused.',
  );
  expect(errorIn("", {})).toBe("it said nothing");
  expect(errorIn("sh: not found\n", {})).toBe("sh: not found");
});

test("a file of the environment is read line by line, and may not change how Kiln starts programs", () => {
  expect(parseEnvironment("# keys\n\nAWS_REGION=eu-1\nTOKEN=a=b\n", "/e")).toEqual({
    AWS_REGION: "eu-1",
    TOKEN: "a=b",
  });
  for (const line of [
    "export A=1",
    "LD_PRELOAD=/x.so",
    "TF_CLI_ARGS_apply=-lock=false",
    "TF_WORKSPACE=a",
    "PATH=/x",
  ])
    expect(() => parseEnvironment(`A=1\n${line}`, "/e")).toThrow("/e:2 ");
});
