import { Cache, CacheInvalidator, cached, HttpCache, keys } from "/isocache/index.js";

const { bridge, token } = document.documentElement.dataset;
const cache = new Cache({ provider: new HttpCache({ url: bridge, token }), namespace: "app" });
const invalidator = new CacheInvalidator(cache);

async function ask(id, request) {
  const response = await fetch(`/users/${id}`, request);
  if (!response.ok) {
    throw new Error(`the service answered ${response.status}`);
  }
  return response;
}

// The same key as in the service, so either of the two can use what the other has loaded.
const user = cached(async (id) => (await ask(id)).json(), { cache, key: (id) => keys.user({ id }), ttl: "5m" });

const actions = {
  read: (id) => user(id),
  readByService: async (id) => (await ask(id)).json(),
  // The service writes, and invalidates the entries that are out of date.
  rename: async (id, name) => {
    await ask(id, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ name }) });
    return "done";
  },
  forget: (id) => invalidator.invalidateUser(id),
};

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const item = document.createElement("li");
  const action = event.submitter.value;
  const id = Number(document.getElementById("id").value);
  try {
    const answer = await actions[action](id, document.getElementById("name").value);
    item.textContent = `${action} ${id} → ${JSON.stringify(answer)}`;
  } catch (error) {
    item.textContent = `${action} ${id} → ${error.name}: ${error.message}`;
  }
  document.getElementById("answers").append(item);
});
