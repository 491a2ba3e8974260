// SPDX-License-Identifier: MIT
// How those who speak OpenAI's chat API spell usage and where in a stream they put it, from their own documentation. Each: the usage
// object and what it means; `place`: in a chunk of its own after the finish reason (`after`), beside it (`finish`), inside its choice (`choice`),
// under x_groq (`x_groq`), in every chunk (`every`).
'use strict';

const { tell } = require('../usage');

const total = (wire) => ({ ...wire, total_tokens: wire.prompt_tokens + wire.completion_tokens });
const base = (n) => ({ prompt_tokens: n.uncached + n.read, completion_tokens: n.visible + n.reasoning });
const meaning = (n, more) => ({ input_tokens: n.uncached + n.read, output_tokens: n.visible + n.reasoning, ...more });
const cached = (n) => ({ cache_read_input_tokens: n.read });
const both = (n) => ({ ...cached(n), reasoning_output_tokens: n.reasoning });
const details = (n) => ({ prompt_tokens_details: { cached_tokens: n.read }, completion_tokens_details: { reasoning_tokens: n.reasoning } });

module.exports = {
  azure: { place: 'after', // learn.microsoft.com/azure/ai-services/openai: the first chunk tells of the prompt's filters and names no model
    first: { id: '', object: '', created: 0, model: '', choices: [], prompt_filter_results: [{ prompt_index: 0,
      content_filter_results: { hate: { filtered: false, severity: 'safe' } } }] },
    usage: (n) => tell({ ...total(base(n)), ...details(n) }, meaning(n, both(n))) },
  deepseek: { place: 'finish', comment: ': keep-alive', // api-docs.deepseek.com
    usage: (n) => tell({ ...total(base(n)), ...details(n), prompt_cache_hit_tokens: n.read, prompt_cache_miss_tokens: n.uncached }, meaning(n, both(n))) },
  kimi: { place: 'choice', // platform.moonshot.ai/docs
    usage: (n) => tell({ ...total(base(n)), cached_tokens: n.read }, meaning(n, cached(n))) },
  groq: { place: 'x_groq', // console.groq.com/docs
    usage: (n) => tell({ queue_time: 0.06, ...total(base(n)), prompt_time: 0.01, completion_time: 0.8, total_time: 0.81 }, meaning(n)) },
  openrouter: { place: 'after', comment: ': OPENROUTER PROCESSING', choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
    usage: (n) => tell({ ...total(base(n)), cost: 0.00123, is_byok: false, cost_details: { upstream_inference_cost: null },
      prompt_tokens_details: { cached_tokens: n.read, cache_write_tokens: n.write5 % n.uncached, audio_tokens: 0, video_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: n.reasoning, image_tokens: 0 } },
    meaning(n, { ...both(n), cache_write_input_tokens: n.write5 % n.uncached,
      modality: { input: { audio: 0, video: 0 }, output: { image: 0 } } })) },
  mistral: { place: 'finish', // docs.mistral.ai/api
    usage: (n) => tell(total(base(n)), meaning(n)) },
  vllm: { place: 'every', // docs.vllm.ai: stream_options.continuous_usage_stats
    usage: (n, last) => {
      const wire = { ...total(base({ ...n, visible: last === undefined ? n.visible : last, reasoning: 0 })), prompt_tokens_details: null };
      return tell(wire, { input_tokens: wire.prompt_tokens, output_tokens: wire.completion_tokens });
    } },
  xai: { place: 'after', // docs.x.ai: the completion goes without the reasoning, the total with it
    usage: (n) => tell({ prompt_tokens: n.uncached + n.read, completion_tokens: n.visible,
      total_tokens: n.uncached + n.read + n.visible + n.reasoning,
      prompt_tokens_details: { text_tokens: n.uncached + n.read, audio_tokens: 0, image_tokens: 0, cached_tokens: n.read },
      completion_tokens_details: { reasoning_tokens: n.reasoning, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
      num_sources_used: 0 },
    meaning(n, { ...both(n), modality: { input: { text: n.uncached + n.read, audio: 0, image: 0 }, output: { audio: 0 } } })) },
  qwen: { place: 'after', // help.aliyun.com/zh/model-studio, explicit cache
    usage: (n) => {
      const write = n.write5 % n.uncached;
      return tell({ ...total(base(n)), prompt_tokens_details: { cached_tokens: n.read, cache_creation: { ephemeral_5m_input_tokens: write },
        cache_creation_input_tokens: write, cache_type: 'ephemeral' }, completion_tokens_details: { reasoning_tokens: n.reasoning } },
      meaning(n, { ...both(n), cache_write_input_tokens: write, cache_write_5m_input_tokens: write }));
    } },
  glm: { place: 'finish', // docs.bigmodel.cn
    usage: (n) => tell({ ...total(base(n)), prompt_tokens_details: { cached_tokens: n.read } }, meaning(n, cached(n))) },
  doubao: { place: 'after', // volcengine.com/docs/82379
    usage: (n) => tell({ ...total(base(n)), ...details(n) }, meaning(n, both(n))) },
};
