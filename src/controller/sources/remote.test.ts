import { expect, test } from "vitest";
import { addressesOf, parseRemote, repositoryName } from "./remote.ts";

test.each([
  ["https://git.example.com/acme/shop.git", "https", "git.example.com", undefined],
  ["https://git.example.com:8443/acme/shop", "https", "git.example.com", 8443],
  ["ssh://git@git.example.com:2222/acme/shop.git", "ssh", "git.example.com", 2222],
  ["http://127.0.0.1:3000/shop.git", "http", "127.0.0.1", 3000],
  ["git://[::1]/shop.git", "git", "::1", undefined],
])("%s is fetched", (url, protocol, host, port) => {
  expect(parseRemote(url)).toEqual({ url, protocol, host, port });
});

test("the short form of ssh is written out", () => {
  expect(parseRemote("git@git.example.com:acme/shop.git").url).toBe(
    "ssh://git@git.example.com/acme/shop.git",
  );
});

test.each([
  ...["file:///etc", "/srv/shop.git", "../shop", "ext::sh -c x", "shop", "", "-oProxyCommand=x:y"],
  ...["http://git.example.com/shop", "git://git.example.com/shop", "ftp://git.example.com/shop"],
  ...["https://ada:secret@git.example.com/shop", "https://token@git.example.com/shop"],
  ...["ssh://git:secret@git.example.com/shop", "ssh://-oProxyCommand=x/shop", "ssh://git@-x/shop"],
  ...["https://169.254.169.254/shop", "https://[fe80::1]/shop", "https://git.example.com"],
  ...[
    "https://git.example.com\\@other/shop",
    "https://git.example.com/shop?x",
    "https://git.example.com/a b",
  ],
  ...["HTTPS://git.example.com/shop", "https://git.example.com/shop#main", "--upload-pack=x", "a@b:-x::y"],
])("%s is refused, and not repeated", (url) => {
  expect(() => parseRemote(url)).toThrow("not one of a repository that Kiln fetches");
});

test("a repository has a name for people, without user and ending", () => {
  const name = (url: string) => repositoryName({ url });
  expect(name("ssh://git@git.example.com/acme/shop.git/")).toBe("git.example.com/acme/shop");
  expect(name("https://git.example.com:8443/shop")).toBe("git.example.com:8443/shop");
});

test("a number that leads to where clouds have their secrets is refused at the look", async () => {
  const remote = parseRemote("https://0xa9fea9fe/shop");
  await expect(addressesOf(remote)).rejects.toMatchObject({ code: "source_unreachable" });
});
