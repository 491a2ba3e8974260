// SPDX-License-Identifier: MIT
// Chooses, among the tools that an agent offers, the one that can do what a scenario wants, and fills in
// its arguments from its schema. Goes by names and schemas alone, so that agents nobody has seen work too.
'use strict';

const CAPABILITIES = {
  read: {
    names: [/^read_?file$/i, /^read$/i, /^(view|cat|open)(_?file)?$/i, /read.*file|file.*read/i],
    argument: /^(absolute_?|target_?)?(file_?)?(path|file|filename)$/i,
  },
  run: {
    names: [/^run_?shell_?command$/i, /^(bash|shell|terminal)$/i, /exec_?(ute_?)?(command|cmd)?$/i,
      /(run|shell|bash).*(command|cmd|tool)?$/i],
    argument: /^(command|cmd|script|commands)$/i,
  },
};

const properties = (tool) => (tool.schema && tool.schema.properties) || {};

/** The offered tool ({name, schema}) that has `capability` (read|run), and its decisive argument; or null. */
function choose(tools, capability) {
  const { names, argument } = CAPABILITIES[capability];
  for (const name of names) {
    for (const tool of tools) {
      const key = Object.keys(properties(tool)).find((k) => argument.test(k));
      if (name.test(tool.name) && key) return { tool, key };
    }
  }
  return null;
}

/** A smallest value that fits a JSON schema. */
function sample(schema) {
  if (!schema || typeof schema !== 'object') return 'x';
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const choice = schema.anyOf || schema.oneOf || schema.allOf;
  if (choice) return sample(choice[0]);
  const type = String(Array.isArray(schema.type) ? schema.type[0] : schema.type || 'object').toLowerCase();
  switch (type) {
    case 'string': return 'step of the scenario';
    case 'integer': case 'number': return schema.minimum === undefined ? 1 : schema.minimum;
    case 'boolean': return false;
    case 'array': return schema.minItems ? [sample(schema.items)] : [];
    case 'null': return null;
    default: {
      const value = {};
      for (const key of schema.required || []) value[key] = sample((schema.properties || {})[key]);
      return value;
    }
  }
}

/** Arguments for a chosen tool. */
function fill({ tool, key }, value) {
  const schema = tool.schema || {};
  const args = sample({ ...schema, type: 'object' });
  const type = String(properties(tool)[key].type || 'string').toLowerCase();
  args[key] = type === 'array' ? ['bash', '-c', value] : value;
  if (args.timeout !== undefined) args.timeout = 60000;
  return args;
}

/** What one step asks of the tools on offer: [{name, args}]. Steps: {read, run, tool + args}, each one or a list. */
function asked(step, tools, workdir) {
  const calls = [];
  for (const capability of Object.keys(CAPABILITIES)) {
    for (const value of [].concat(step[capability] || [])) {
      const chosen = choose(tools, capability);
      if (!chosen) continue;
      const target = capability === 'read' ? require('path').resolve(workdir, value) : value;
      calls.push({ name: chosen.tool.name, args: fill(chosen, target) });
    }
  }
  if (step.tool) calls.push({ name: step.tool, args: step.args || {} });
  return calls;
}

module.exports = { asked, sample };
