import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describeError } from "../../common/errors.js";
import { type EngineServices, servicePrefix } from "../services.js";

/**
 * Removes what queries that are no more have left: a crash between a TERMINATE's command and its execution, or under a push
 * query, leaves internal topics, groups and state behind.
 * @param live application ids of the queries that exist
 */
export async function sweepLeftovers(live: ReadonlySet<string>, services: EngineServices): Promise<void> {
  const { broker, stateDir, logger } = services;
  const own = new RegExp(`^${servicePrefix(services)}(query|transient)_`);
  const orphan = (name: string) => own.test(name) && !live.has(name) && ![...live].some((id) => name.startsWith(`${id}-`));
  try {
    const topics = (await broker.describeTopics()).map((t) => t.name).filter(orphan);
    if (topics.length > 0) await broker.deleteTopics(topics);
    const groups = (await broker.listGroups()).map((g) => g.groupId).filter(orphan);
    if (groups.length > 0) await broker.deleteGroups(groups);
    const folders = (await readdir(stateDir).catch(() => [])).filter(orphan);
    for (const name of folders) await rm(join(stateDir, name), { recursive: true, force: true });
    if (topics.length + groups.length + folders.length > 0) logger.info("removed what ended queries had left", { topics, groups, folders });
  } catch (error) {
    logger.warn("leftovers of ended queries could not be removed", { error: describeError(error) });
  }
}
