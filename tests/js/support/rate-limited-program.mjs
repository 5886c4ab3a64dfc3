// The scene as a program that prints the answers.

import { answers } from "./rate-limited-scene.mjs";

process.stdout.write(`${JSON.stringify(await answers())}\n`);
