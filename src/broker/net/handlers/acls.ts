import { createAcls, deleteAcls, describeAcls } from "../../../protocol/messages/acls.js";
import { wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

/** As a cluster without an authorizer answers. */
const disabled = { errorCode: wireErrors.SECURITY_DISABLED, errorMessage: "No Authorizer is configured." };

export const aclHandlers: readonly Handler[] = [
  handler(describeAcls, async () => ({ ...disabled, resources: [] })),
  handler(createAcls, async ({ creations }) => ({ results: creations.map(() => disabled) })),
  handler(deleteAcls, async ({ filters }) => ({ filterResults: filters.map(() => ({ ...disabled, matchingAcls: [] })) })),
];
