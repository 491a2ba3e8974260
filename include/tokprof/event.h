/* SPDX-License-Identifier: MIT
 * The event stream's vocabulary: kinds and keys of the MessagePack maps that a recording holds and
 * that sinks ship. docs/event-format.md says what each means. Readers skip keys that they do not
 * know; a key that is absent means "unknown", never zero. Times are ns; `t*` are Unix time, others
 * offsets or spans.
 */
#ifndef TOKPROF_EVENT_H
#define TOKPROF_EVENT_H

#define TP_EVENT_VERSION 1

/* Every event. */
#define TP_K_VERSION "v" /* uint: TP_EVENT_VERSION */
#define TP_K_KIND "k"    /* str: one of TP_KIND_* */
#define TP_K_ID "id"     /* bin 16: a second delivery has the same */
#define TP_K_TIME "t"    /* uint: when it happened (call: when it started), Unix ns */
#define TP_K_MACHINE "m" /* str: host name */

#define TP_KIND_CALL "call"
#define TP_KIND_TOOL "tool"
#define TP_KIND_PROC "proc"
#define TP_KIND_ENGINE "engine"
#define TP_KIND_MARK "mark"
#define TP_KIND_LOSS "loss"
#define TP_KIND_META "meta"

/* call: who and where */
#define TP_K_PID "pid"   /* uint */
#define TP_K_COMM "comm" /* str: process name */
#define TP_K_PROGRAM                                                                               \
    "prog" /* str: program or script name, no arguments; the agent where none says better */
#define TP_K_TREE "tree"          /* str: key of the process tree, 16 hex */
#define TP_K_SESSION "sess"       /* str: the agent's own session id */
#define TP_K_AGENT "agent"        /* str */
#define TP_K_THREAD "thr"         /* str: the agent's own id of the conversation */
#define TP_K_PARENT_THREAD "pthr" /* str: of the conversation that started this one */
#define TP_K_SUBAGENT "sub"       /* str: kind of subagent */
#define TP_K_TURN "turn"          /* str: the agent's own id of the user's request that it serves */
#define TP_K_PROJECT "proj"       /* str: keyed hash of what is worked on */
#define TP_K_TASK "task"          /* str: from --task */
#define TP_K_LABELS "lab"         /* map str -> str */
#define TP_K_SERVER "srv"         /* str: host[:port] as the client named it */
#define TP_K_PROVIDER "prov"      /* str */
#define TP_K_API "api"            /* str: anthropic.messages ... other */
#define TP_K_MODEL "model"        /* str: the answer's, else the request's */
#define TP_K_MODEL_REQ "rqm"      /* str: the request's, where the answer's differs */
#define TP_K_PATH "path"          /* str: without query string */
#define TP_K_STREAM "strm"        /* bool */
#define TP_K_HTTP_STATUS "st"     /* uint */
#define TP_K_OUTCOME "out"        /* str: ok | error | cancelled */
#define TP_K_STOP_REASON "stop"   /* str: the provider's word */
#define TP_K_TIER "tier"          /* str: service tier */
#define TP_K_RESPONSE_ID "rid"    /* str: the provider's id of the answer */
#define TP_K_PREVIOUS_ID "prid"   /* str: previous_response_id of the request */
#define TP_K_COMPLETE "cpl"       /* bool: every byte of request and answer was seen */
#define TP_K_LOST_BYTES                                                                            \
    "lost" /* uint: bytes of this call that were not seen, as far as is known                      \
            */

/* call: times, ns after TP_K_TIME */
#define TP_K_T_REQUEST_END "tq" /* last byte of the request */
#define TP_K_T_RESPONSE "tr"    /* head of the answer */
#define TP_K_T_FIRST_TOKEN "tf" /* first event of the answer that carries output */
#define TP_K_T_LAST_TOKEN "tl"  /* last such event */
#define TP_K_T_END "te"         /* last byte of the answer, or the connection's end */

/* call: usage, a map; inclusive convention (input includes cache, output includes reasoning) */
#define TP_K_USAGE "use"
#define TP_U_INPUT "in"
#define TP_U_CACHE_READ "cr"
#define TP_U_CACHE_WRITE "cw"
#define TP_U_CACHE_WRITE_5M "cw5"
#define TP_U_CACHE_WRITE_1H "cw1"
#define TP_U_OUTPUT "out"
#define TP_U_REASONING "rsn"
#define TP_U_MODALITY_IN "min"   /* map text|image|audio|video -> uint */
#define TP_U_MODALITY_OUT "mout" /* same */

/* call: uses of tools that the provider runs itself and bills by the use */
#define TP_K_SERVER_TOOLS "svt" /* map str -> uint: "web_search" -> 2 */

/* call: transport, a map */
#define TP_K_TRANSPORT "tran"
#define TP_X_TLS "tls"      /* str: openssl ... none */
#define TP_X_HTTP "http"    /* str: 1.1 */
#define TP_X_ENCODING "enc" /* str: content coding of the answer: gzip ... identity */

/* call: context */
#define TP_K_PARENT "par" /* bin 16: the call whose context this one extends */
#define TP_K_SHARED                                                                                \
    "shr" /* uint: leading blocks shared with (parent's request ++ parent's output) */
#define TP_K_BLOCKS "blk"    /* array of blocks: the request's, after the first `shr` */
#define TP_K_OUTPUT "outb"   /* array of blocks: the answer's */
#define TP_K_CHAIN "chn"     /* bin 16: hash of all block identities of the request, in order */
#define TP_K_CHAIN_OUT "cho" /* bin 16: same, request then answer */
#define TP_K_CHAIN_KEY                                                                             \
    "chk" /* bin 16: first `shr`-independent anchor: chain hash up to the first user block */

/* A block, a map. Identity: kind, name and content, without cache marks, ids and transport fields.
 */
#define TP_B_KIND                                                                                  \
    "b" /* str: system tool_schema user assistant reasoning tool_call tool_result image document   \
           audio video other */
#define TP_B_HASH "h"      /* bin 16 */
#define TP_B_BYTES "n"     /* uint: bytes of its content */
#define TP_B_TOKENS "e"    /* uint: estimated tokens, by the estimator that meta names */
#define TP_B_NAME "nm"     /* str: tool name */
#define TP_B_CALL_ID "cid" /* str: the provider's id that ties a tool call to its result */
#define TP_B_ARGS "ah"     /* bin 16: keyed hash of a tool call's arguments */
#define TP_B_ERROR "err"   /* bool: a tool result that says it failed */
#define TP_B_TEXT "c"      /* str: content; only with --content */

/* proc */
#define TP_K_WHAT "what"       /* str: exec | exit; meta: start | target | end; loss: see docs */
#define TP_K_PARENT_PID "ppid" /* uint */
#define TP_K_STATUS "stat"     /* uint: wait status */

/* loss */
#define TP_K_WHERE                                                                                 \
    "where" /* str: ring read map long entry stream http json sse encoding blocks attach ... */
#define TP_K_WHY "why"   /* str */
#define TP_K_BYTES "n"   /* uint */
#define TP_K_COUNT "cnt" /* uint: records, events or blocks lost */
#define TP_K_CALL "call" /* bin 16: the call that it touches */

/* meta start: host, versions, options */
#define TP_K_TOKPROF "tokprof" /* str: version */
#define TP_K_KERNEL "kern"     /* str */
#define TP_K_HASH_KEY "key"    /* str: id of the hash key */
#define TP_K_ESTIMATOR "est"   /* str: name of the token estimator */
#define TP_K_CONTENT "content" /* bool: blocks carry text */
#define TP_K_RING_BYTES "ring" /* uint */
#define TP_K_FEATURES                                                                              \
    "feat" /* array of str: kernel features newer than the floor that are in use */
#define TP_K_OLDEST_KERNEL "old" /* bool: those were not to be used */
/* meta target: one probed file */
#define TP_K_FILE "file"       /* str: base name of the library or executable */
#define TP_K_BUILD_ID "bid"    /* str */
#define TP_K_STACK "stack"     /* str: TLS stack */
#define TP_K_HOW "how"         /* str: how it was found */
#define TP_K_CONFIDENCE "conf" /* uint 0..100 */
#define TP_K_LATE                                                                                  \
    "late" /* uint: ns between its being mapped and the probes being there; absent: in time */
#define TP_K_ERROR "err" /* str: why it could not be attached */
/* meta end: the ledger; seen = copied + lost */
#define TP_K_SEEN                                                                                  \
    "seen" /* uint: payload bytes that the watched processes moved through probed calls */
#define TP_K_COPIED "copied"  /* uint */
#define TP_K_LOST_BY "lostby" /* map reason -> bytes */
#define TP_K_CALLS "calls"    /* uint */
#define TP_K_OTHER "nother"   /* uint: HTTP exchanges that were no model calls */
#define TP_K_RUNNING "run" /* uint: watched processes that still ran when the command had ended */

#endif
