import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configProviders, isReference, parseProperties, resolveReferences } from "../../src/common/config-providers.js";
import { createLogger, scrubbedLogger } from "../../src/common/logger.js";
import { hideInUrls, Scrubber, SecretKey, secretsInUrls } from "../../src/common/secrets.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-secrets-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("SecretKey", () => {
  it("makes a key file that only its owner reads, and finds it again", () => {
    const stored = SecretKey.open({ dataDir: dir }).encrypt("sesame");
    expect(stored).not.toContain("sesame");
    expect(statSync(join(dir, "secret.key")).mode & 0o777).toBe(0o600);
    expect(SecretKey.open({ dataDir: dir }).decrypt(stored)).toBe("sesame");
  });
  it("takes a key of the environment before the file's, and says where another key is needed", () => {
    const stored = SecretKey.open({ secretKey: "any passphrase", dataDir: dir }).encrypt("sesame");
    expect(SecretKey.open({ secretKey: "any passphrase" }).decrypt(stored)).toBe("sesame");
    expect(() => SecretKey.open({ dataDir: dir }).decrypt(stored)).toThrow(/another key/);
    expect(SecretKey.open({ dataDir: dir }).decrypt("in clear")).toBe("in clear");
  });
  it("never encrypts the same way twice", () => {
    const key = SecretKey.open({ dataDir: dir });
    expect(key.encrypt("a")).not.toBe(key.encrypt("a"));
  });
});

describe("Scrubber", () => {
  it("takes out what it was given, whole words alone, until it is taken off", () => {
    const scrubber = new Scrubber();
    const off = scrubber.add(["postgres", "p.w$d1", "abc"]);
    expect(scrubber.scrub("postgres at postgresql://h with p.w$d1, abc")).toBe("******** at postgresql://h with ********, abc");
    const again = scrubber.add(["postgres"]);
    off();
    expect(scrubber.scrub("postgres")).toBe("********");
    again();
    expect(scrubber.scrub("postgres")).toBe("postgres");
  });
  it("cleans a logger's messages, fields and errors", () => {
    const lines: string[] = [];
    const scrubber = new Scrubber();
    scrubber.add(["sesame"]);
    const logger = scrubbedLogger(createLogger({ write: (l) => void lines.push(l), format: "json" }), (t) => scrubber.scrub(t)).child({
      who: "sesame",
    });
    logger.error("open sesame", { error: new Error("not sesame", { cause: new Error("sesame!") }), list: ["sesame"], n: 1 });
    expect(lines.join()).not.toContain("sesame");
    expect(JSON.parse(lines[0]!)).toMatchObject({ n: 1, message: "open ********" });
  });
  it("knows passwords in URLs", () => {
    const url = "jdbc:postgresql://u:hunter2@h:5432/db?user=a&password=secret1&ssl=true";
    expect(hideInUrls(url)).toBe("jdbc:postgresql://u:********@h:5432/db?user=a&password=********&ssl=true");
    expect(secretsInUrls(url).sort()).toEqual(["hunter2", "secret1"]);
    expect(hideInUrls("http://schema-registry:8081")).toBe("http://schema-registry:8081");
  });
});

describe("references", () => {
  it("are looked up in the environment, in properties files and in folders", () => {
    writeFileSync(join(dir, "db.properties"), "# comment\nuser = me\npass\\ word: s\\u0065same\nlong=a\\\n   b\n");
    writeFileSync(join(dir, "token"), "from a file\n");
    process.env["MILLRACE_TEST_REFERENCE"] = "from the environment";
    const { config, resolved } = resolveReferences({
      a: "${env:MILLRACE_TEST_REFERENCE}",
      b: `x-\${file:${dir}/db.properties:user}-\${file:${dir}/db.properties:long}`,
      c: `\${dir:${dir}:token}`,
      d: "${topic}_$1",
    });
    expect(config).toEqual({ a: "from the environment", b: "x-me-ab", c: "from a file", d: "${topic}_$1" });
    expect(resolved).toEqual(["from the environment", "me", "ab", "from a file"]);
    expect(parseProperties(readFileSync(join(dir, "db.properties"), "utf8")).get("pass word")).toBe("sesame");
  });
  it("name the setting where they cannot be resolved", () => {
    expect(() => resolveReferences({ "database.password": "${env:NO_SUCH_VARIABLE_HERE}" })).toThrow(
      /database\.password: \$\{env:NO_SUCH_VARIABLE_HERE\} is not set/,
    );
    expect(() => resolveReferences({ a: "${vault:path:key}" })).toThrow(/no config provider "vault"/);
    expect(() => resolveReferences({ a: `\${file:${dir}/none:key}` })).toThrow(/cannot be read/);
    expect(isReference("${env:A}")).toBe(true);
    expect(isReference("x${env:A}")).toBe(false);
  });
  it("are looked up by the providers that the worker's settings name", () => {
    writeFileSync(join(dir, "a.properties"), "k=v\n");
    process.env["MILLRACE_TEST_OPEN"] = "open";
    process.env["MILLRACE_TEST_SHUT"] = "shut";
    const kafka = "org.apache.kafka.common.config.provider.";
    const providers = configProviders({
      "config.providers": "f, d,e",
      "config.providers.f.class": `${kafka}FileConfigProvider`,
      "config.providers.f.param.allowed.paths": `${dir},/nowhere`,
      "config.providers.d.class": "DirectoryConfigProvider",
      "config.providers.e.class": `${kafka}EnvVarConfigProvider`,
      "config.providers.e.param.allowlist.pattern": "MILLRACE_.*_OPEN",
    });
    const of = (text: string) => resolveReferences({ s: text }, providers).config["s"];
    expect(of(`\${f:${dir}/a.properties:k}`)).toBe("v");
    expect(of(`\${d:${dir}:a.properties}`)).toBe("k=v");
    expect(of("${e:MILLRACE_TEST_OPEN}")).toBe("open");
    expect(() => of("${e:MILLRACE_TEST_SHUT}")).toThrow("${e:MILLRACE_TEST_SHUT} is not set");
    expect(() => of("${e:x:MILLRACE_TEST_OPEN}")).toThrow(/an environment variable has no path/);
    expect(() => of("${f:/etc/passwd:root}")).toThrow(/\/etc\/passwd is not in allowed.paths/);
    expect(() => of(`\${f:${dir}/../x:root}`)).toThrow(/is not in allowed.paths/);
    expect(() => of("${env:MILLRACE_TEST_OPEN}")).toThrow(/there is no config provider "env" \(known: f, d, e\)/);
  });
  it("name the worker's setting that is wrong", () => {
    expect(configProviders({})).toHaveProperty("env");
    expect(() => configProviders({ "config.providers": "v" })).toThrow("config.providers.v.class is missing");
    expect(() => configProviders({ "config.providers": "v", "config.providers.v.class": "com.x.Vault" })).toThrow(
      /there is no com.x.Vault; there are org/,
    );
    expect(() =>
      configProviders({
        "config.providers": "v",
        "config.providers.v.class": "FileConfigProvider",
        "config.providers.v.param.allowed.paths": "here",
      }),
    ).toThrow("config.providers.v.param.allowed.paths: here is not absolute");
  });
});
