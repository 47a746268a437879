/** Why data of one schema cannot be read with another, in the words of the registry's verbose answers. */
export interface Incompatibility {
  readonly errorType: string;
  readonly description: string;
  readonly additionalInfo: string;
}
