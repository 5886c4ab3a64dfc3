/** Properties that get short names in the package. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Of objects that neither users nor other copies of the package see; the second part is what wasm-bindgen writes. */
const NAMES = `
  areStale askEach checkOpen checkUsable checkedEntry compareAndSet contents dropRemoved findAt findKept ghosts
  hasCompareAndSet hasRenewed hasStale inParts isBridge isPlain isRecorded isSettled isSimple isStampOnly
  keepStale mostEntries nextDue openedIfPossible ownClock postpone refill remember removeEach replaceOldest
  rewrites setDeadline setDue setLimits setTtl slotEngine storeAll storeIf slots table tally timeNow touches unmark unsampled valueAt
  whenEnded writeIf

  __destroy_into_raw __wbg_ptr clear_removals forget_order keep_stale next_due set_deadline set_limits
`;

/** What esbuild takes for its option `mangleProps`. */
export const INTERNAL = new RegExp(`^(${NAMES.trim().split(/\s+/).join("|")})$`);

/** Throws if a published declaration has one of these names. */
export function checkDeclarations(dist) {
  for (const path of readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".d.cts"))) {
    const declared = readFileSync(join(dist, path), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
    const name = declared.match(/\w+/g)?.find((word) => INTERNAL.test(word));
    if (name !== undefined) {
      throw new Error(
        `dist/${path} declares ${name}, which is internal in scripts/internal-names.mjs; rename one of them`,
      );
    }
  }
}
