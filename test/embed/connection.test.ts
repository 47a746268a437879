import { describe, expect, it } from "vitest";
import { bootstrapServers, connect } from "../../src/embed/connection.js";
import { openListener } from "../compat/programs.js";

describe("a connection to a cluster", () => {
  it("takes SASL PLAIN, and says what is missing or refused", async () => {
    const listener = await openListener({ users: new Map([["ann", "secret"]]) });
    try {
      const config = { "bootstrap.servers": listener.bootstrap, "security.protocol": "SASL_PLAINTEXT", "sasl.username": "ann" } as const;
      const connection = await connect({ ...config, "sasl.password": "secret" });
      expect(connection.broker.clusterId).toBe(listener.broker.clusterId);
      await connection.close();
      await expect(connect({ ...config, "sasl.password": "wrong" })).rejects.toThrow(`${listener.bootstrap} authenticates ann`);
      await expect(connect(config)).rejects.toThrow("security.protocol SASL_PLAINTEXT needs sasl.username and sasl.password");
    } finally {
      await listener.close();
    }
  });

  it("takes lists of host:port", () => {
    expect(bootstrapServers("a:1, b:2,")).toEqual(["a:1", "b:2"]);
    expect(() => bootstrapServers(" ,")).toThrow("bootstrap.servers names no broker");
    expect(() => bootstrapServers("a:1,b")).toThrow("b is not host:port");
  });
});
