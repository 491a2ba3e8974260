// SPDX-License-Identifier: MIT
// Makes prices.json from the public table in the npm package @pydantic/genai-prices (MIT) and, before it,
// lists.json beside this file: list prices that the package does not have, with their source and date.
//   npm pack @pydantic/genai-prices && tar xzf pydantic-genai-prices-*.tgz
//   node make.mjs package 2026-09-23 > prices.json     (the date on which that version was published)
import fs from "node:fs";
import path from "node:path";

const [folder, date] = process.argv.slice(2);
if (!folder || !/^\d{4}-\d\d-\d\d$/.test(date ?? "")) {
  console.error("usage: node make.mjs PACKAGE_FOLDER YYYY-MM-DD > prices.json");
  process.exit(2);
}
const { name, version } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
const bundle = fs.readFileSync(path.join(folder, "dist/index.cjs"), "utf8");

// The bundle does not export its data: it is the array literal that starts with the first provider.
function literal(text) {
  const start = text.search(/\[\{id:"[a-z]/);
  let depth = 0;
  let quote = "";
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (`"'\``.includes(c)) quote = c;
    else if ("[{".includes(c)) depth++;
    else if ("]}".includes(c) && --depth === 0) return text.slice(start, i + 1);
  }
  throw new Error("no table found in the bundle");
}

const dropped = [];
const escape = (s) => s.replace(/[\\*?[\]]/g, "\\$&");

// The few regular expressions in use are literals with counted digits; others are told and dropped.
function globOfRegex(regex) {
  let r = regex;
  const open = !r.startsWith("^");
  const end = !r.endsWith("$");
  r = r.replace(/^\^/, "").replace(/\$$/, "");
  r = r.replace(/\\d(?:\{(\d+)\})?/g, (_, n) => "\u0001".repeat(Number(n ?? 1)));
  r = r.replace(/\\([^a-zA-Z0-9])/g, (_, c) => (c === "[" || c === "]" ? (c === "[" ? "\u0002" : "\u0003") : c === "." ? "\u0004" : c));
  if (/[()|+*?{}[\]^$\\]/.test(r) || /\./.test(r)) return null;
  r = r.replace(/\u0001/g, "[0-9]").replace(/\u0002/g, "\\[").replace(/\u0003/g, "\\]").replace(/\u0004/g, ".");
  return (open ? "*" : "") + r + (end ? "*" : "");
}

function globs(match) {
  if (!match) return [];
  if (match.or) return match.or.flatMap(globs);
  // "This prefix, but not that word": the word's own models stand first, see below.
  if (match.and) return globs(match.and.find((m) => !m.regex) ?? {});
  if (match.equals !== undefined) return [escape(match.equals)];
  if (match.starts_with !== undefined) return [escape(match.starts_with) + "*"];
  if (match.ends_with !== undefined) return ["*" + escape(match.ends_with)];
  if (match.contains !== undefined) return ["*" + escape(match.contains) + "*"];
  if (match.regex !== undefined) {
    const alternatives = /^\^\[([a-z]+)\]|^\^([a-z]+)\[(\d+)\]$/.exec(match.regex);
    if (alternatives?.[3]) return [...alternatives[3]].map((d) => alternatives[2] + d + "*");
    const glob = globOfRegex(match.regex);
    if (glob) return [glob];
    dropped.push(match.regex);
  }
  return [];
}

// Host names out of a URL pattern; those told apart by their path are left to the provider's name.
function hosts(pattern) {
  let p = pattern.replace(/^(?:\(https\?:\/\/\)\?|https:\/\/)/, "").replace(/\(\?:\/\|\$\)$|\(\/\|\$\)$/, "");
  let variants = [p];
  for (;;) {
    const next = variants.flatMap((v) => {
      const m = /\(\??:?([^()]*)\)(\?)?/.exec(v);
      if (!m) return [v];
      const inner = m[1].split("|").map((a) => v.replace(m[0], () => a));
      return m[2] ? [...inner, v.replace(m[0], "")] : inner;
    });
    if (next.length === variants.length && next.every((v, i) => v === variants[i])) break;
    variants = next;
  }
  return variants
    .map((v) => v.replace(/\\\./g, "\u0004").replace(/\[[^\]]*\][*+]|\.\*/g, "*").replace(/\u0004/g, "."))
    .filter((v) => v && !v.includes("/") && /^[a-z0-9.*-]+$/i.test(v))
    .map((v) => (v.endsWith(".") ? v + "*" : v));
}

// Where a provider's own pattern of model names has no glob.
const models = { mistral: ["mistral*", "ministral*", "codestral*", "devstral*", "magistral*", "mixtral*",
                           "pixtral*", "voxtral*", "open-mistral*", "open-mixtral*"] };
const names = { input_mtok: "input", cache_read_mtok: "cache_read", cache_write_mtok: "cache_write_5m",
                cache_write_1h_mtok: "cache_write_1h", output_mtok: "output" };

// Per thousand: what is counted there, and the event format's name of it.
const fees = { requests_kcount: "request", web_searches_kcount: "web_search", storage_searches_kcount: "file_search",
               social_searches_kcount: "x_search", code_executions_kcount: "code_execution", rerank_searches_kcount: "rerank" };

function feesOf(prices) {
  const known = Object.entries(fees).filter(([key]) => typeof prices[key] === "number").map(([key, to]) => [to, prices[key]]);
  return known.length ? { fees: Object.fromEntries(known) } : {};
}

function rates(prices) {
  const row = {};
  const above = new Map();
  for (const [key, to] of Object.entries(names)) {
    const value = prices[key];
    if (value === undefined) continue;
    row[to] = typeof value === "object" ? value.base : value;
    for (const tier of value.tiers ?? []) {
      if (!above.has(tier.start)) above.set(tier.start, {});
      above.get(tier.start)[to] = tier.price;
    }
  }
  Object.assign(row, feesOf(prices));
  if (above.size)
    row.above = [...above].sort((a, b) => a[0] - b[0]).map(([tokens, r]) => ({ tokens, ...r }));
  return row;
}

function rows(model) {
  const match = globs(model.match);
  if (!match.length) return [];
  const list = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  return list.flatMap(({ constraint, prices }) => {
    const row = rates(prices);
    if (row.input === undefined && row.output === undefined) return [];
    if (constraint?.type === "start_date") row.from = constraint.start_date;
    if (constraint?.type === "time_of_date")
      row.between = [constraint.start_time.slice(0, 5), constraint.end_time.slice(0, 5)];
    return [{ match, ...row }];
  });
}

const lists = JSON.parse(fs.readFileSync(new URL("lists.json", import.meta.url), "utf8")).providers;
const listed = new Set(lists.map((p) => p.id));
// Hosts that the pattern takes in and that bill by a list of their own.
const hostsOnly = { moonshotai: ["api.moonshot.ai"] };

const packaged = eval("(" + literal(bundle) + ")").filter((p) => !listed.has(p.id)).map((p) => ({
  id: p.id,
  hosts: hostsOnly[p.id] ?? hosts(p.api_pattern),
  models: models[p.id] ?? globs(p.model_match),
  aliases: globs(p.provider_match),
  ...(p.fallback_model_providers ? { fallback: p.fallback_model_providers } : {}),
  prices: [...p.models].sort((a, b) => Boolean(JSON.stringify(a.match).includes('"and"')) - Boolean(JSON.stringify(b.match).includes('"and"'))).flatMap(rows),
}));
const providers = [...lists, ...packaged];
for (const regex of new Set(dropped)) console.error(`dropped: ${regex}`);

const lines = [`{"source":${JSON.stringify(`${name} ${version}`)},"date":"${date}","currency":"USD","providers":[`];
providers.forEach((p, i) => {
  const { prices, ...head } = p;
  lines.push(JSON.stringify(head).slice(0, -1) + `,"prices":[`);
  lines.push(prices.map((row) => JSON.stringify(row)).join(",\n"));
  lines.push(i + 1 < providers.length ? "]}," : "]}");
});
lines.push("]}");
process.stdout.write(lines.join("\n") + "\n");
