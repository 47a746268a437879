import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** Apache Kafka Connect's own plug-ins, to hold ours to: from Maven Central, fetched once. */
export const connectVersion = "4.3.1";
const folder = join(import.meta.dirname, `../../.services/connect-plugins-${connectVersion}`);
const services = join(import.meta.dirname, "../services");
const artifacts = ["connect-json", "connect-transforms", "connect-file"].map((name) => `org.apache.kafka:${name}:${connectVersion}`);

/** The classpath; undefined where Java or Maven is missing. */
export function connectJars(): string | undefined {
  if (spawnSync("java", ["-version"]).error || spawnSync("mvn", ["-v"]).error) return undefined;
  // the runtime alone, for its converters: what it needs besides is a web server
  const runtime = join(folder, "lib", `connect-runtime-${connectVersion}.jar`);
  if (!existsSync(runtime)) {
    mkdirSync(folder, { recursive: true });
    const script = `set -e; . ${services}/common.sh; dir=${folder}; maven_libs ${artifacts.join(" ")} org.slf4j:slf4j-nop:1.7.36
mvn -q -B dependency:copy -Dartifact=org.apache.kafka:connect-runtime:${connectVersion} -DoutputDirectory=${join(folder, "lib")}`;
    if (spawnSync("bash", ["-c", script], { stdio: "ignore" }).status !== 0) return undefined;
  }
  return join(folder, "lib", "*");
}

/** Runs a Java source file on lines of text, one line out for each of them. */
export async function javaLines(jars: string, file: string, lines: readonly string[], args: readonly string[] = []): Promise<string[]> {
  const run = promisify(execFile)("java", ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-cp", jars, file, ...args], {
    maxBuffer: 1 << 28,
  });
  // a program that ends early says why on stderr, which rejects the run
  run.child.stdin!.on("error", () => undefined);
  run.child.stdin!.end(`${lines.join("\n")}\n`);
  const { stdout } = await run;
  return stdout.split("\n").slice(0, -1);
}
