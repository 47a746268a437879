import type { Dialect, Session } from "./dialect.js";

/** `make` where `look` finds nothing; of two that make the same at once the slower is refused, and finds what the faster has made. */
export async function makeOnce<T>(dialect: Dialect, make: () => Promise<unknown>, look: () => Promise<T | undefined>): Promise<T> {
  const there = await look();
  if (there !== undefined) return there;
  let refused: unknown;
  try {
    await make();
  } catch (error) {
    if (!dialect.existsAlready(error)) throw error;
    refused = error;
  }
  const made = await look();
  if (made === undefined) throw refused ?? new Error("what was just created is not there"); // dropped at once, or the name is another object's
  return made;
}

export async function createSchema(dialect: Dialect, session: Session, name: string): Promise<void> {
  try {
    await session.query(`CREATE SCHEMA IF NOT EXISTS ${dialect.quoteIdentifier(name)}`);
  } catch (error) {
    if (!dialect.existsAlready(error)) throw error;
  }
}
