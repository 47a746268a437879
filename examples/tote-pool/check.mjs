// What the tables in Postgres must hold, recomputed from the bets that were posted.

/** Sums by race or runner: `Map` of id → { total, bets }. */
export function sums(bets, by) {
  const found = new Map();
  for (const bet of bets) {
    const { total, bets: count } = found.get(bet[by]) ?? { total: 0, bets: 0 };
    found.set(bet[by], { total: total + bet.amount, bets: count + 1 });
  }
  return found;
}

/** A sentence on what is wrong in the sums' table, which has a row for each update that was written; undefined where it is right. */
export function wrongSums(rows, bets, by) {
  const expected = sums(bets, by);
  const newest = new Map();
  const seen = new Set();
  for (const row of rows) {
    const id = row[by.toUpperCase()];
    const version = `${id} after ${row.BETS} bets`;
    if (seen.has(version)) return `${by} ${version} is there twice`;
    seen.add(version);
    if (Number(row.BETS) >= Number(newest.get(id)?.BETS ?? 0)) newest.set(id, row);
  }
  for (const [id, { total, bets: count }] of expected) {
    const row = newest.get(id);
    if (row?.TOTAL !== total || Number(row.BETS) !== count)
      return `${by} ${id} has ${row?.TOTAL} of ${row?.BETS} bets, expected ${total} of ${count}`;
  }
  return newest.size === expected.size ? undefined : `${newest.size} of ${by}, expected ${expected.size}`;
}

/**
 * A sentence on what is wrong in the odds. Every bet after the opening ones is there once, with odds of its row's two totals, and each
 * total was one of its runner's and race's at some time; the closing bets, of nothing, have the final odds.
 */
export function wrongOdds(rows, opening, bets, closing) {
  const all = [...opening, ...bets];
  const was = { runner: history(all, "runner"), race: history(all, "race") };
  const count = new Map();
  for (const row of rows) {
    if (row.ODDS !== row.RACE_TOTAL / row.RUNNER_TOTAL) return `odds ${row.ODDS} of ${row.RACE_TOTAL} and ${row.RUNNER_TOTAL}`;
    for (const by of ["runner", "race"]) {
      const total = row[`${by.toUpperCase()}_TOTAL`];
      if (!was[by].get(row[by.toUpperCase()])?.has(total)) return `${by} ${row[by.toUpperCase()]} never had the total ${total}`;
    }
    const bet = `${row.RUNNER} ${row.AMOUNT}`;
    count.set(bet, (count.get(bet) ?? 0) + 1);
  }
  for (const { runner, amount } of [...bets, ...closing]) {
    const times = count.get(`${runner} ${amount}`) ?? 0;
    if (times !== 1) return `the bet of ${amount} on runner ${runner} is there ${times} times`;
  }
  const ofRunner = sums(all, "runner");
  const ofRace = sums(all, "race");
  for (const row of rows.filter((r) => r.AMOUNT === 0)) {
    const odds = ofRace.get(row.RACE).total / ofRunner.get(row.RUNNER).total;
    if (row.ODDS !== odds) return `the final odds of runner ${row.RUNNER} are ${row.ODDS}, expected ${odds}`;
  }
  return undefined;
}

/** Every total that each had, in the order of the bets. */
export function history(bets, by) {
  const found = new Map();
  const now = new Map();
  for (const bet of bets) {
    const total = (now.get(bet[by]) ?? 0) + bet.amount;
    now.set(bet[by], total);
    found.set(bet[by], (found.get(bet[by]) ?? new Set()).add(total));
  }
  return found;
}
