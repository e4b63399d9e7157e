import { expect, test } from "vitest";
import { dockerfileSmells } from "./dockerfile-smells.ts";

test("what has no effect, or stays in the image, is reported with its line", () => {
  const text = `FROM scratch
# VOLUME in a comment
ENV PATH=/bin \\
  HOME=/
ARG TOKEN
ENV DB_PASSWORD=hunter2
RUN <<END
EXPOSE 80
END
HEALTHCHECK NONE
healthcheck --interval=1s CMD true
VOLUME /data
EXPOSE 8080
ONBUILD RUN true
ADD --chown=1 https://a.example/x /x
RUN apt && sudo true
`;
  const smells = dockerfileSmells(text, false);
  expect(smells.map(({ line, problem }) => `${line} ${problem.split(" ").slice(0, 5).join(" ")}`)).toEqual([
    "6 the value of DB_PASSWORD stays",
    "11 HEALTHCHECK has no effect: `health`",
    "12 VOLUME has no effect: `servers.volumes`",
    "13 EXPOSE has no effect: `servers.port`",
    "14 ONBUILD has no effect: no",
    "15 ADD from the network fails:",
    "16 sudo is not needed: steps",
  ]);
  const connected = dockerfileSmells(text, true).map(({ line }) => line);
  expect(connected).toEqual([6, 11, 12, 13, 14, 16]); // ADD works then
  expect(JSON.stringify(smells)).not.toContain("hunter2");
});
