import { describe, expect, it } from "vitest";
import { Credentials } from "../../src/broker/auth/credentials.js";
import { ScramExchange } from "../../src/broker/auth/scram.js";
import { ScramClient } from "../../src/kafka/scram-client.js";

const name = "Ä,b=c";
const password = "p=w,d é";

describe.each(["SCRAM-SHA-256", "SCRAM-SHA-512"] as const)("%s", (mechanism) => {
  const server = () => new ScramExchange(new Credentials(new Map([[name, password]])), mechanism);

  it("proves itself to the listener's side and has it prove itself", async () => {
    const [client, exchange] = [new ScramClient(mechanism, name, password), server()];
    const last = exchange.step(await client.final(exchange.step(client.first()).answer));
    expect(last.principal).toBe(`User:${name}`);
    client.verify(last.answer);
    expect(() => client.verify(Buffer.from("v=AAAA"))).toThrow(/has not proved/);
  });

  it("is refused with another password", async () => {
    const [client, exchange] = [new ScramClient(mechanism, name, "other"), server()];
    const last = exchange.step(await client.final(exchange.step(client.first()).answer));
    expect(last.principal).toBeUndefined();
    expect(() => client.verify(last.answer)).toThrow(/has not proved/);
  });

  it.each(["", "r=other,s=AAAA,i=4096", "e=unknown-user", "few", "many"])("refuses the challenge %j", async (text) => {
    const client = new ScramClient(mechanism, name, password);
    const nonce = /r=(.*)$/.exec(client.first().toString())![1];
    const challenges: Record<string, string> = { few: `r=${nonce}x,s=AAAA,i=10`, many: `r=${nonce}x,s=AAAA,i=99999999` };
    await expect(client.final(Buffer.from(challenges[text] ?? text))).rejects.toThrow(/challenge is not one/);
  });
});
