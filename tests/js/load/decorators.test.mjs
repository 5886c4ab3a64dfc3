// `@cached` as TypeScript compiles it: decorators of the standard, and those of experimentalDecorators under strict.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { run } from "../../support/processes.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const tsc = fileURLToPath(new URL("../../../node_modules/.bin/tsc", import.meta.url));

const SOURCE = `
import { Cache, cached, type CachedFunction } from "isocache";

export const calls: string[] = [];
export const store = new Cache();

export class Users {
  constructor(readonly name: string) {}

  @cached({ ttl: "1m" })
  async find(id: number): Promise<string> {
    calls.push(\`find \${id} of \${this.name}\`);
    return \`\${id} of \${this.name}\`;
  }

  @cached({ ttl: "1m", key: "shared:{0}", cache: store })
  async shared(id: number): Promise<string> {
    calls.push(\`shared \${id}\`);
    return \`\${id} of \${this.name}\`;
  }

  async overloaded(id: number): Promise<number>;
  async overloaded(id: string): Promise<string>;
  @cached()
  async overloaded(id: number | string): Promise<number | string> {
    return id;
  }

  @cached()
  async generic<T>(value: T): Promise<T> {
    return value;
  }

  @cached({ ttl: "1m" })
  static async count(id: number): Promise<string> {
    calls.push(\`count \${id} of \${this.name}\`);
    return \`\${id} of \${this.name}\`;
  }

  PRIVATE
}

export class Admins extends Users {
  override async find(id: number): Promise<string> {
    return \`admin \${await super.find(id)}\`;
  }
}

export class Guests extends Users {}

export type Find = CachedFunction<Users["find"]>;
export const find = (users: Users): Find => users.find as Find;
export const count = (users: typeof Users) => users.count as CachedFunction<typeof Users.count>;
export async function types(users: Users): Promise<[number, string, { a: number }]> {
  const invalidated: boolean = await find(users).invalidate(7);
  const refreshed: string = await find(users).refresh(7);
  const peeked: string | undefined = await find(users).peek(7);
  return [await users.overloaded(7), await users.overloaded(\`\${invalidated}\${refreshed}\${peeked}\`), await users.generic({ a: 1 })];
}
`;
const PRIVATE = `
  @cached({ ttl: "1m" })
  async #secret(id: number): Promise<string> {
    calls.push(\`secret \${id}\`);
    return \`secret \${id} of \${this.name}\`;
  }
  async secret(id: number): Promise<string> {
    return this.#secret(id);
  }
`;

for (const legacy of [false, true]) {
  describe(legacy ? "experimentalDecorators" : "decorators of the standard", () => {
    let folder;
    let compiled;

    before(async () => {
      folder = await mkdtemp(join(here, ".decorators-"));
      const source = SOURCE.replace("PRIVATE", legacy ? "" : PRIVATE);
      await writeFile(join(folder, "users.ts"), source);
      const compilerOptions = {
        strict: true,
        target: "es2022",
        module: "nodenext",
        moduleResolution: "nodenext",
        noEmit: true,
        types: [],
        lib: ["es2024", "dom", "esnext.disposable", "esnext.decorators"],
        experimentalDecorators: legacy,
        noImplicitOverride: true,
        skipLibCheck: true,
      };
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
      const { outputFiles } = await build({
        entryPoints: [join(folder, "users.ts")],
        write: false,
        format: "esm",
        target: "es2022",
        tsconfig: join(folder, "tsconfig.json"),
      });
      await writeFile(join(folder, "users.mjs"), outputFiles[0].text);
      compiled = await import(pathToFileURL(join(folder, "users.mjs")));
    });
    after(() => folder && rm(folder, { recursive: true, force: true }));

    test("compile under strict, with overloads and type parameters", async () => {
      await run(tsc, ["-p", folder]);
    });

    test("each instance has results of its own, with members", async () => {
      const { Users, calls, find, types } = compiled;
      calls.length = 0;
      const [one, two] = [new Users("one"), new Users("two")];
      assert.deepEqual([await one.find(1), await one.find(1), await two.find(1)], ["1 of one", "1 of one", "1 of two"]);
      assert.deepEqual(calls.splice(0), ["find 1 of one", "find 1 of two"]);
      assert.equal(find(one).stats().hits, 1);
      assert.equal(await find(one).peek(1), "1 of one");
      assert.equal(await find(one).invalidate(1), true);
      assert.equal(await find(two).peek(1), "1 of two");
      assert.equal(await one.find(1), "1 of one");
      assert.equal(await find(one).refresh(1), "1 of one");
      assert.deepEqual(calls.splice(0), ["find 1 of one", "find 1 of one"]);
      assert.equal(await find(one).clear(), 1);
      assert.match(find(one).keyFor(1), /^find:/);
      assert.deepEqual([one.find.name, one.find.length], ["find", 1]);
      assert.deepEqual(Object.keys(one), ["name"]);
      assert.deepEqual(await types(one), [7, "false7 of one7 of one", { a: 1 }]);
    });

    test("a shared cache by a key", async () => {
      const { Users, calls } = compiled;
      calls.length = 0;
      const [one, two] = [new Users("one"), new Users("two")];
      assert.deepEqual([await one.shared(1), await two.shared(1)], ["1 of one", "1 of one"]);
      assert.deepEqual(calls, ["shared 1"]);
      assert.equal(await two.shared.invalidate(1), true);
      assert.equal(await two.shared(1), "1 of two");
    });

    test("static methods, and inherited ones", async () => {
      const { Users, Admins, Guests, calls, count } = compiled;
      calls.length = 0;
      assert.deepEqual(
        [await Users.count(1), await Users.count(1), await Guests.count(1), await Guests.count(1)],
        ["1 of Users", "1 of Users", "1 of Guests", "1 of Guests"],
      );
      assert.deepEqual(calls.splice(0), ["count 1 of Users", "count 1 of Guests"]);
      assert.equal(await count(Users).invalidate(1), true);
      assert.equal(await count(Guests).peek(1), "1 of Guests");
      const [admin, guest] = [new Admins("a"), new Guests("g")];
      assert.deepEqual(
        [await admin.find(1), await admin.find(1), await guest.find(1), await guest.find(1)],
        ["admin 1 of a", "admin 1 of a", "1 of g", "1 of g"],
      );
      assert.deepEqual(calls.splice(0), ["find 1 of a", "find 1 of g"]);
      assert.equal(await guest.find.invalidate(1), true);
    });

    test("frozen instances are cached, and members are called with the instance", async () => {
      const { Users, calls } = compiled;
      calls.length = 0;
      const frozen = Object.freeze(new Users("frozen"));
      assert.deepEqual([await frozen.find(1), await frozen.find(1)], ["1 of frozen", "1 of frozen"]);
      assert.equal(calls.length, 1);
      assert.equal(await Users.prototype.find.peek.call(frozen, 1), "1 of frozen");
      assert.equal(await Users.prototype.find.refresh.call(frozen, 1), "1 of frozen");
      await assert.rejects(Users.prototype.find.refresh(1), /find\.refresh\.call\(instance/);
      await assert.rejects(Users.prototype.find.call(undefined, 1), /method find needs its instance/);
    });

    if (!legacy) {
      test("private methods", async () => {
        const { Users, calls } = compiled;
        calls.length = 0;
        const [one, two] = [new Users("one"), new Users("two")];
        assert.deepEqual([await one.secret(1), await one.secret(1), await two.secret(1)].at(-1), "secret 1 of two");
        assert.deepEqual(calls, ["secret 1", "secret 1"]);
      });
    } else {
      test("the method stays a value, as frameworks need it that read it from the descriptor", () => {
        const { Users } = compiled;
        assert.equal(typeof Object.getOwnPropertyDescriptor(Users.prototype, "find").value, "function");
      });
    }
  });
}
