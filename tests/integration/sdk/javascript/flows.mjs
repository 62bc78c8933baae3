// Runs the batch, file and webhook flows of @google/genai and prints what it saw as JSON.
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { GoogleGenAI } from "@google/genai";

const MODEL = "gemini-2.5-flash";
const ai = new GoogleGenAI({
  apiKey: process.env.EMULATOR_KEY,
  httpOptions: { baseUrl: process.env.EMULATOR_URL, apiVersion: "v1beta" },
});

const ask = (text, key) => ({
  contents: [{ role: "user", parts: [{ text }] }],
  metadata: { key },
});

async function finished(name) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const job = await ai.batches.get({ name });
    if (!/PENDING|RUNNING/.test(job.state)) return job;
    await sleep(50);
  }
  throw new Error(`${name} did not end`);
}

async function collect(pager) {
  const names = [];
  for await (const item of pager) names.push(item.name);
  return names;
}

async function inline() {
  const created = await ai.batches.create({
    model: MODEL,
    src: [ask("Say hello", "one"), ask("[[fail]]", "two")],
    config: { displayName: "greetings", webhookConfig: { uris: ["http://192.0.2.1/x"] } },
  });
  const job = await finished(created.name);
  const [first, second] = job.dest.inlinedResponses;
  return {
    created: created.state,
    state: job.state,
    displayName: job.displayName,
    text: first.response.candidates[0].content.parts[0].text,
    metadata: first.metadata,
    error: second.error.code,
  };
}

async function embeddings() {
  const created = await ai.batches.createEmbeddings({
    model: "gemini-embedding-001",
    src: { inlinedRequests: { contents: ["a", "b"], config: { outputDimensionality: 5 } } },
  });
  const job = await finished(created.name);
  return job.dest.inlinedEmbedContentResponses.map((one) => one.response.embedding.values.length);
}

async function files() {
  const lines = ["one", "two"].map((key) => ({
    key,
    request: { contents: [{ parts: [{ text: `Say ${key}` }] }] },
  }));
  const content = lines.map((line) => JSON.stringify(line)).join("\n");
  await writeFile("requests.jsonl", content);
  const config = { name: "from-javascript", mimeType: "jsonl" };
  const file = await ai.files.upload({ file: "requests.jsonl", config });
  const created = await ai.batches.create({ model: MODEL, src: file.name });
  const job = await finished(created.name);
  await ai.files.download({ file: job.dest.fileName, downloadPath: "results.jsonl" });
  const results = (await readFile("results.jsonl", "utf8")).trim().split("\n").map(JSON.parse);
  const got = await ai.files.get({ name: file.name });
  const listed = await collect(await ai.files.list({ config: { pageSize: 1 } }));
  await ai.files.delete({ name: file.name });
  return {
    whole: Number(got.sizeBytes) === Buffer.byteLength(content),
    listed,
    keys: results.map((result) => result.key),
    left: await collect(await ai.files.list()),
  };
}

async function large() {
  const blob = new Blob([new Uint8Array(9 * 2 ** 20)]);
  const file = await ai.files.upload({ file: blob, config: { mimeType: "jsonl" } });
  return Number(file.sizeBytes);
}

async function lists() {
  const before = await collect(await ai.batches.list({ config: { pageSize: 1 } }));
  const { name } = await ai.batches.create({ model: MODEL, src: [ask("Say hello", "one")] });
  await ai.batches.cancel({ name });
  const { state } = await ai.batches.get({ name });
  await ai.batches.delete({ name });
  const after = await collect(await ai.batches.list({ config: { pageSize: 1 } }));
  const gone = await ai.batches.get({ name }).catch((error) => error.status);
  return { count: before.length, state, same: before.join() === after.join(), gone };
}

async function webhooks() {
  const made = await ai.webhooks.create({
    name: "ends",
    uri: "http://192.0.2.1/x",
    subscribed_events: ["batch.succeeded"],
  });
  const rotated = await ai.webhooks.rotateSigningSecret(made.id);
  await ai.webhooks.ping(made.id);
  const { signing_secrets: valid } = await ai.webhooks.get(made.id);
  const listed = await ai.webhooks.list({ page_size: 1 });
  const { state } = await ai.webhooks.update(made.id, { update_mask: "state", state: "disabled" });
  const refused = await ai.webhooks.ping(made.id).catch((error) => error.status);
  await ai.webhooks.delete(made.id);
  const gone = await ai.webhooks.get(made.id).catch((error) => error.status);
  return {
    secrets: [made.new_signing_secret, rotated.secret].map((secret) => secret.startsWith("whsec_")),
    valid: valid.length,
    listed: listed.webhooks[0].id === made.id,
    state,
    refused,
    gone,
  };
}

const seen = {
  inline: await inline(),
  embeddings: await embeddings(),
  files: await files(),
  large: await large(),
  lists: await lists(),
  webhooks: await webhooks(),
};
process.stdout.write(`${JSON.stringify(seen)}\n`);
