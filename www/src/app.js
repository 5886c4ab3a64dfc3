/** The page: brings the settings, the cache and what is shown together. */

import { drawCurvesOfFiles } from "./curves.js";
import { byId, setText } from "./dom.js";
import { MOST as MOST_SHOWN, showEntries } from "./entries.js";
import { whole } from "./format.js";
import { watchManualCommands } from "./manual-commands.js";
import { watchRemote } from "./remote.js";
import { announce, showAdvice, showEnd, showProgress, showStart, showStats } from "./results.js";
import { inPage, inWorker, MOST_IN_PAGE } from "./session-hosts.js";
import { readCache, readWorkload, showSetupError, watchSetup } from "./settings.js";
import { watchTiers } from "./tiers.js";

const stopButton = byId("stop");

/** Where the cache is. A replay starts with a new one. */
let home;
let starts = 0;
let running = false;
/** Whether an entry may expire, so that time alone changes what there is to see. */
let expires = false;

/** Puts a new cache in the place of the old one, which stays if a setting is wrong. Gives the workload, or nothing. */
async function begin(withReplay) {
  const mine = ++starts;
  let next;
  try {
    const settings = readCache();
    const workload = withReplay ? readWorkload() : { total: 0 };
    const inside = workload.total <= MOST_IN_PAGE;
    next = inside ? inPage() : inWorker();
    await next.open(settings);
    if (mine !== starts) {
      next.close();
      return undefined;
    }
    home?.close();
    home = next;
    showSetupError();
    const cache = `${whole(settings.capacity)} entries, ${settings.ttl === null ? "no ttl" : `ttl ${settings.ttl}`}`;
    const place = `in ${inside ? "this page" : "a worker"}`;
    showStart(withReplay ? `${workload.title} · ${cache} · ${place}` : `An empty cache · ${cache}`, workload.total);
    await look();
    return workload;
  } catch (error) {
    if (next !== home) {
      next?.close();
    }
    if (mine === starts) {
      showSetupError(error);
    }
    return undefined;
  }
}

async function replay() {
  // What was said of the last replay must not be taken for this one.
  announce("");
  const workload = await begin(true);
  if (workload === undefined) {
    return;
  }
  const mine = home;
  let last;
  setRunning(true);
  announce(`Replaying ${whole(workload.total)} requests`);
  try {
    await mine.replay(workload.source, (report) => {
      if (mine === home) {
        last = report;
        showProgress(report);
      }
    });
  } catch (error) {
    if (mine === home) {
      showSetupError(error);
    }
  }
  if (mine === home) {
    setRunning(false);
    if (last) {
      showEnd(last, last.done < last.total);
    }
    await look();
  }
}

async function empty() {
  if (await begin(false)) {
    setRunning(false);
    announce("The cache is new and empty");
  }
}

/** Shows the cache as it is now. */
async function look() {
  const mine = home;
  try {
    const seen = await mine.look(MOST_SHOWN);
    if (mine === home) {
      expires = seen.expires;
      showStats(seen.stats);
      showAdvice(seen.advice);
      showEntries(seen);
    }
  } catch (error) {
    // A cache that was replaced meanwhile does not answer, and nobody wants it to.
    if (mine === home) {
      showSetupError(error);
    }
  }
}

function setRunning(on) {
  running = on;
  // A disabled button loses the focus; whoever pressed it goes on at the button beside it.
  if (!on && document.activeElement === stopButton) {
    byId("replay").focus();
  }
  stopButton.disabled = !on;
  setText(byId("entries-none"), on ? "Shown when the replay ends." : "The cache is empty.");
}

watchSetup();
watchManualCommands(async (...command) => {
  const answer = await home.command(...command);
  await look();
  return answer;
});
byId("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  replay();
});
stopButton.addEventListener("click", () => home.stop());
byId("empty").addEventListener("click", empty);

setInterval(() => {
  if (expires && !running && document.visibilityState === "visible") {
    look();
  }
}, 1000);

watchTiers();
drawCurvesOfFiles();
await Promise.all([empty(), watchRemote()]);
