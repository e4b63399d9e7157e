import { describe, expect, test } from "vitest";
import { chooseBuild, faultPlace, inspected, withoutRequiredPlugins } from "./template.ts";

const hcl = [
  "1796022539,,ui,say,Packer Inspect: HCL2 mode\\n",
  '1796022539,,ui,say,> input-variables:\\n\\nvar.greeting: "hello"\\n\\n> local-variables:\\n\\n',
  "1796022539,,ui,say,> builds:\\n\\n  > b:\\n\\n    sources:\\n\\n      docker.web\\n\\n      amazon-ebs.web\\n\\n    provisioners:\\n\\n      file\\n      shell\\n\\n  > <unnamed build 1>:\\n\\n    sources:\\n\\n      docker.other\\n\\n    post-processors:\\n\\n      <no post-processor>\\n",
].join("\n");

const json = [
  "1796023591,,ui,say,Packer Inspect: JSON mode",
  "1796023591,,template-variable,g,hi%!(PACKER_COMMA) you,0",
  "1796023591,,template-builder,aws,amazon-ebs",
  "1796023591,,template-builder,docker,docker",
].join("\n");

test("builds and variables are read from what Packer 1.6.6 says of a template", () => {
  expect(inspected(hcl)).toEqual({
    builds: [
      { name: "b.docker.web", type: "docker" },
      { name: "b.amazon-ebs.web", type: "amazon-ebs" },
      { name: "docker.other", type: "docker" },
    ],
    variables: undefined,
  });
  expect(inspected(json)).toEqual({
    builds: [
      { name: "aws", type: "amazon-ebs" },
      { name: "docker", type: "docker" },
    ],
    variables: new Set(["g"]),
  });
});

describe("the build", () => {
  const builds = [...inspected(hcl).builds];
  const fault = (wanted: string | undefined, of = builds) => {
    try {
      return chooseBuild("web.pkr.hcl", of, wanted).name;
    } catch (error) {
      return error;
    }
  };

  test("is found by the end of its name; without a name, the only one of docker is meant", () => {
    expect(fault("other")).toBe("docker.other");
    expect(fault("docker.web")).toBe("b.docker.web");
    expect(fault(undefined, inspected(json).builds as typeof builds)).toBe("docker");
  });

  test("that is not one alone, not there or not of docker is refused with the remedy", () => {
    expect(fault(undefined)).toMatchObject({
      hint: "Write `packer:PATH#BUILD` with one of: b.docker.web, docker.other.",
    });
    expect(fault("web")).toMatchObject({
      message: "web.pkr.hcl has several builds; expected a choice of one.",
    });
    expect(fault("docker.othr")).toMatchObject({ hint: "Did you mean docker.other?" });
    expect(fault("amazon-ebs.web")).toMatchObject({
      message: "web.pkr.hcl: Kiln takes builds of the builder `docker`; b.amazon-ebs.web uses amazon-ebs.",
      hint: expect.stringMatching(/source of the type docker .* a disk for the cloud\.$/),
    });
    expect(fault(undefined, [{ name: "qemu.web", type: "qemu" }])).toMatchObject({
      hint: expect.stringMatching(/a disk that boots\.$/),
    });
    expect(fault(undefined, [])).toMatchObject({ message: "web.pkr.hcl has no build." });
  });
});

test("the place of a fault is where Packer has found it", () => {
  expect(
    faultPlace("Error: Unsupported argument\n\n  on web.pkr.hcl line 3:\n  (source code)\n", "web.pkr.hcl"),
  ).toBe("web.pkr.hcl:3");
  expect(faultPlace("Failed to parse template\nAt line 1, column 18 (offset 18):\n", "web.json")).toBe(
    "web.json:1:18",
  );
  expect(faultPlace("Script exited with non-zero exit status: 3", "web.json")).toBeUndefined();
});

describe("required_plugins", () => {
  test("becomes blanks, with everything else at its place", () => {
    const text =
      'packer {\n  required_plugins {\n    a = { version = "}" } # }\n    /* } */\n  }\n}\nbuild {}\n';
    const without = withoutRequiredPlugins(text);
    expect(without).toHaveLength(text.length);
    expect(without.replace(/ +$/gm, "").split("\n")).toEqual([
      "packer {",
      "",
      "",
      "",
      "",
      "}",
      "build {}",
      "",
    ]);
  });

  test("that does not end is left to Packer", () => {
    expect(withoutRequiredPlugins("packer { required_plugins {\n")).toBe("packer { required_plugins {\n");
  });
});
