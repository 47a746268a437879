// What can go wrong, shared by all pipelines: a server is anything with `kill`, `halt(gently)`, `start` and `cut`.
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ofServers = {
  /** as `kill -9`; it comes back with its data */
  async kill(server, random) {
    await server.kill();
    await pause(random() * 800);
    await server.start();
  },
  async restart(server, random) {
    await server.halt(random() < 0.5);
    await pause(random() * 800);
    await server.start();
  },
  /** every connection is lost, the server stays */
  cut: (server) => server.cut(),
};

/** The kinds that this pipeline knows. */
export function kindsOf(pipeline) {
  const ofSide = (side) => (pipeline[`${side}s`].length > 0 ? [`${side}-kill`, `${side}-restart`, `cut-${side}`] : []);
  return ["kill", ...ofSide("source"), ...ofSide("target"), ...(pipeline.failover ? ["failover"] : [])];
}

/** @throws Error for a kind that the pipeline does not know */
export async function strike(kind, pipeline, millrace, random) {
  if (!kindsOf(pipeline).includes(kind)) throw new Error(`no such disaster: ${kind}; there are ${kindsOf(pipeline).join(", ")}`);
  if (kind === "kill") {
    await millrace.kill();
    return millrace.start();
  }
  if (kind === "failover") return pipeline.failover();
  const [a, b] = kind.split("-");
  const [side, what] = a === "cut" ? [b, a] : [a, b];
  const servers = pipeline[`${side}s`];
  return ofServers[what](servers[Math.floor(random() * servers.length)], random);
}
