/** A field's name in Protobuf's JSON mapping: `first_name` is `firstName`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
}
