import { HttpCache } from "/isocache/http.js";

const cache = new HttpCache({
  url: document.documentElement.dataset.bridge,
  // Called before the first request, and again when the bridge says that the token has expired.
  async token() {
    const response = await fetch("/token", { method: "POST" });
    if (!response.ok) {
      throw new Error(`no token: status ${response.status}`);
    }
    return response.text();
  },
});

async function show(operation, result) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  try {
    code.textContent = `${operation} → ${JSON.stringify(await result)}`;
  } catch (error) {
    // The code is "refused" where the token does not permit the operation.
    code.textContent = `${operation} → ${error.code ?? error.name}: ${error.message}`;
  }
  item.append(code);
  document.getElementById("answers").append(item);
}

const key = document.getElementById("key");
document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  show(`get ${key.value}`, cache.get(key.value));
});
document.getElementById("set").addEventListener("click", () => {
  show(`set ${key.value}`, cache.set(key.value, "mine"));
});
