// Makes a call and returns what the script gets. All origins use this code.

export async function run({ call, api, tag, memory }) {
  const headers = filled(call.headers, memory);
  let body;
  if (call.json) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(filled(call.json, memory));
  } else if (call.form) {
    body = new URLSearchParams(filled(call.form, memory));
  }
  try {
    const response = await fetch(`${api}${filled(call.path, memory)}?${tag}`, {
      method: call.method,
      credentials: call.credentials,
      headers,
      body,
    });
    const text = await response.text();
    const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: isJson && text ? JSON.parse(text) : text,
    };
  } catch (error) {
    // A script learns nothing else about a blocked call. The reason is in the browser's console.
    return { error: `${error.name}: ${error.message}` };
  }
}

// Replaces "{name}" with its value in memory.
function filled(value, memory) {
  if (typeof value === "string") {
    return value.replace(/\{(\w+)\}/g, (_, name) => memory[name] ?? "");
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, filled(v, memory)]));
  }
  return value;
}
