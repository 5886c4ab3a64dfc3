/** Server-sent events, as the bridge sends them: with an id, a name and data on one line each. */

/** An event. */
export interface ServerEvent {
  readonly id: string;
  readonly name: string;
  /** The data, from JSON. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** The maximum number of characters in an event: keys of 1 MiB, where each character may be an escape sequence. */
const LONGEST = 8 * 2 ** 20;

/** Takes text in chunks of any size, and returns the events that it completes. */
export class EventParser {
  #rest = "";

  /** @throws Error for text that cannot contain events. */
  take(text: string): ServerEvent[] {
    const blocks = (this.#rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.#rest = blocks.pop() as string;
    if (this.#rest.length > LONGEST) {
      throw new Error("an event without an end");
    }
    return blocks.flatMap((block) => {
      const fields = new Map<string, string>();
      for (const line of block.split("\n")) {
        const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (name !== undefined) {
          fields.set(name, value as string);
        }
      }
      const name = fields.get("event");
      const data: unknown = JSON.parse(fields.get("data") ?? "{}");
      return name === undefined ? [] : [{ id: fields.get("id") ?? "", name, data: data as ServerEvent["data"] }];
    });
  }
}
