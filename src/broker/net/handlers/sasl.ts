import { saslAuthenticate, saslHandshake } from "../../../protocol/messages/sasl.js";
import { wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

/** The connection's own exchange decides; without credentials configured there is nothing to authenticate against. */
export const saslHandlers: readonly Handler[] = [
  handler(saslHandshake, async ({ mechanism }, { connection }) => {
    const { sasl } = connection;
    if (!sasl) return { errorCode: wireErrors.ILLEGAL_SASL_STATE, mechanisms: [] };
    const known = sasl.begin(mechanism);
    return { errorCode: known ? 0 : wireErrors.UNSUPPORTED_SASL_MECHANISM, mechanisms: sasl.mechanisms };
  }),

  handler(saslAuthenticate, async ({ authBytes }, { connection }) => {
    const { sasl } = connection;
    if (!sasl) return { errorCode: wireErrors.ILLEGAL_SASL_STATE, errorMessage: "this listener asks for no authentication" };
    const step = sasl.step(authBytes);
    if (step.principal !== undefined) connection.principal = step.principal;
    connection.refused = step.error !== undefined;
    return step.error === undefined
      ? { authBytes: step.answer }
      : { errorCode: wireErrors.SASL_AUTHENTICATION_FAILED, errorMessage: step.error };
  }),
];
