import { resolve } from "node:path";
import { Command } from "commander";

export interface BackupActions {
  backup(dir: string, target: string): Promise<{ files: number; bytes: number; directory: string }>;
  restore(source: string, dir: string): Promise<{ files: number; bytes: number; directory: string }>;
}

/** `millrace backup` asks a running process, or copies a folder that none uses; `millrace restore` makes a folder of a backup. */
export function backupCommands(actions: BackupActions): Command[] {
  const backup = new Command("backup")
    .description("Copy one consistent cut of a Millrace to a folder, while it runs.")
    .argument("<target>", "a folder that does not exist yet")
    .option("--url <url>", "the running process's console port", "http://127.0.0.1:9021")
    .option("--dir <folder>", "instead of asking a running process: this data folder, which none may use")
    .action(async (target: string, options: { url: string; dir?: string }) => {
      const result = options.dir ? await actions.backup(options.dir, target) : await ask(options.url, resolve(target));
      console.log(`${result.files} files, ${(result.bytes / 1e6).toFixed(1)} MB in ${result.directory}`);
    });
  const restore = new Command("restore")
    .description("Make a data folder of a backup; then: millrace start --dir FOLDER.")
    .argument("<backup>", "what `millrace backup` wrote")
    .requiredOption("--dir <folder>", "a folder that does not exist yet")
    .action(async (source: string, options: { dir: string }) => {
      const result = await actions.restore(source, options.dir);
      console.log(`${result.files} files, ${(result.bytes / 1e6).toFixed(1)} MB in ${result.directory}`);
    });
  return [backup, restore];
}

async function ask(url: string, target: string): Promise<{ files: number; bytes: number; directory: string }> {
  let response: Response;
  try {
    response = await fetch(`${url}/backup`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ directory: target }),
    });
  } catch (error) {
    throw new Error(`no Millrace answers on ${url}: give its console port with --url, or a stopped one's data folder with --dir`, {
      cause: error,
    });
  }
  const body = (await response.json()) as { message?: string; files: number; bytes: number; directory: string };
  if (!response.ok) throw new Error(body.message ?? `${url} answered ${response.status}`);
  return body;
}
