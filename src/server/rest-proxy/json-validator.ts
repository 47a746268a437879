import type { Ajv } from "ajv";
import { lazyPackage } from "../../common/lazy-package.js";
import { restErrors } from "./errors.js";

const drafts = {
  "7": lazyPackage<{ Ajv: typeof Ajv }>("ajv"),
  "2019": lazyPackage<{ Ajv2019: typeof Ajv }>("ajv/dist/2019.js"),
  "2020": lazyPackage<{ Ajv2020: typeof Ajv }>("ajv/dist/2020.js"),
};

/**
 * A function that says what is wrong with a value under the JSON schema, undefined where nothing is. Drafts 4 to 7 are read as 7.
 * @param references texts of the schemas that it refers to by their `$id`
 * @throws 42205
 */
export function jsonValidator(text: string, references: readonly string[]): (value: unknown) => string | undefined {
  try {
    const { $schema, ...schema } = JSON.parse(text) as Record<string, unknown>;
    const options = { strict: false, allErrors: false, validateFormats: false } as const;
    const named = String($schema ?? "");
    const ajv = named.includes("2020-12")
      ? new (drafts["2020"]().Ajv2020)(options)
      : named.includes("2019-09")
        ? new (drafts["2019"]().Ajv2019)(options)
        : new (drafts["7"]().Ajv)(options);
    for (const reference of references) {
      const { $schema: _draft, ...other } = JSON.parse(reference) as Record<string, unknown>;
      if (typeof other["$id"] === "string") ajv.addSchema(other);
    }
    const validate = ajv.compile(schema);
    return (value) => (validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: "#" }));
  } catch (error) {
    throw restErrors.invalidSchema((error as Error).message);
  }
}
