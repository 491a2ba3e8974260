/* SPDX-License-Identifier: MIT
 * The plugin interface. A plugin is one constant descriptor; built-in and loaded ones use the same
 * macro and take the same path. Plugins include this header (and event.h) alone; host services
 * reach them as tables of functions. Everything here is single-threaded per call of an operation.
 */
#ifndef TOKPROF_PLUGIN_H
#define TOKPROF_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a host looks at first. The ABI's number changes when a plugin would have to be compiled
 * anew or changed; docs/plugin-abi.md says what may change without. */
#define TP_PLUGIN_MAGIC 0x4b4f5450u /* "PTOK", little endian */
#define TP_PLUGIN_ABI 2

/* What a plugin is for; it has one kind, which says what `ops` points to. */
enum tp_plugin_kind {
    TP_PLUGIN_TLS = 1,
    TP_PLUGIN_PROVIDER = 2,
    TP_PLUGIN_ENGINE = 3,
    TP_PLUGIN_AGENT = 4,
    TP_PLUGIN_OUTPUT = 5,
};

/* The operations of each kind, below. Engines and outputs are reserved. */
struct tp_tls_ops;
struct tp_provider_ops;
struct tp_agent_ops;

/* The descriptor: constant, and valid as long as the plugin is loaded, which is until the
 * program ends. The first four members stand at the same place in every ABI. */
struct tp_plugin {
    uint32_t magic;             /* TP_PLUGIN_MAGIC */
    uint32_t abi;               /* TP_PLUGIN_ABI */
    uint32_t size;              /* sizeof(struct tp_plugin) of the plugin's build */
    uint32_t kind;              /* enum tp_plugin_kind */
    const char *name;           /* [a-z0-9_]+, unique: "tls_openssl" */
    const char *version;        /* the plugin's own */
    const char *summary;        /* one line */
    uint64_t capabilities;      /* bits by kind; 0 so far */
    const char *const *options; /* NULL-terminated "name=meaning", or NULL */
    union {
        const struct tp_tls_ops *tls;
        const struct tp_provider_ops *provider;
        const struct tp_agent_ops *agent;
        const void *any;
    } ops;
};

/* How long the structures were with which the plugin was compiled; TP_PLUGIN fills it. A host takes
 * structures that are longer than its own (it does not look at what it does not know) and refuses
 * shorter ones. The elements of arrays never change their length within an ABI. Defined at the end.
 */
struct tp_plugin_sizes;

/* What a plugin gives to the host: one per plugin. */
struct tp_plugin_entry {
    const struct tp_plugin *plugin;
    const struct tp_plugin_sizes *sizes;
};

/* TP_PLUGIN(descriptor), once per plugin: a built-in one puts a pointer to its entry into the
 * section that the registry walks (the build defines TP_PLUGIN_BUILTIN); a loaded one exports its
 * entry as the symbol `tp_plugin_entry`. */
#define TP_PLUGIN_SYMBOL "tp_plugin_entry"
#ifdef TP_PLUGIN_BUILTIN
#define TP_PLUGIN(descriptor)                                                                      \
    static const struct tp_plugin_entry tp_plugin_entry = {&(descriptor), &tp_plugin_sizes};       \
    __attribute__((section("tp_plugins"),                                                          \
                   used)) static const struct tp_plugin_entry *const tp_plugin_slot =              \
        &tp_plugin_entry
#else
#define TP_PLUGIN(descriptor)                                                                      \
    extern const struct tp_plugin_entry tp_plugin_entry;                                           \
    __attribute__((visibility("default")))                                                         \
    const struct tp_plugin_entry tp_plugin_entry = {&(descriptor), &tp_plugin_sizes}
#endif

/* ---- TLS stacks: where plaintext passes ---- */

/* Where a value is found when a probe is hit: a register, or memory that one leads to. Arguments
 * are those of the C calling convention; TP_BASE_REGISTER + n is register n by its DWARF number,
 * which means something on one kind of processor only. */
enum tp_tls_base {
    TP_BASE_NONE,  /* there is no such value */
    TP_BASE_STACK, /* the stack pointer; at a function's entry on x86-64 [0] is where it returns */
    TP_BASE_RESULT,
    TP_BASE_ARG1,
    TP_BASE_ARG2,
    TP_BASE_ARG3,
    TP_BASE_ARG4,
    TP_BASE_ARG5,
    TP_BASE_ARG6,
    TP_BASE_THREAD, /* where the thread's own variables are: fs on x86-64 */
    TP_BASE_REGISTER = 32,
};

/* The base itself (loads 0), the 64-bit word at base + offset[0] (loads 1), or the one at that word
 * + offset[1] (loads 2). */
struct tp_tls_value {
    uint8_t base; /* enum tp_tls_base */
    uint8_t loads;
    int16_t offset[2];
};

/* Values as initializers: an argument, and a word on the stack at entry. */
#define TP_ARGUMENT(n)                                                                             \
    {                                                                                              \
        .base = TP_BASE_ARG1 + (n)-1                                                               \
    }
#define TP_ON_STACK(bytes)                                                                         \
    {                                                                                              \
        .base = TP_BASE_STACK, .loads = 1, .offset = {(bytes), 0 }                                 \
    }
#define TP_IN_REGISTER(dwarf)                                                                      \
    {                                                                                              \
        .base = TP_BASE_REGISTER + (dwarf)                                                         \
    }

/* What a probed function does. */
enum tp_tls_site_kind {
    TP_TLS_WRITE,  /* takes plaintext of a connection */
    TP_TLS_READ,   /* delivers plaintext of a connection */
    TP_TLS_NEW,    /* returns a new connection object */
    TP_TLS_FREE,   /* gives back one reference to `conn`; with the last the object goes */
    TP_TLS_UP_REF, /* takes one more reference to `conn` */
    TP_TLS_SEAL,   /* encrypts one record, with the cipher context `conn` */
    TP_TLS_OPEN,   /* decrypts one record */
    TP_TLS_LEAVE,  /* not a function but an instruction with which the one before it in the list
                      returns; where its caller's stack may move, so that no return can be probed */
    TP_TLS_SITE_KINDS
};

/* How a function says how much it moved. */
enum tp_tls_result {
    TP_TLS_NOTHING,  /* it moves no bytes */
    TP_TLS_INT,      /* int: bytes moved; none if <= 0 */
    TP_TLS_LONG,     /* the same in 64 bits */
    TP_TLS_COUNT_AT, /* int > 0: success; the number stands where `count` points to */
    TP_TLS_ALL,      /* int > 0: success; all `length` bytes were moved */
    TP_TLS_AT_ONCE,  /* no result: all `length` bytes, when it is entered */
    TP_TLS_RESULTS
};

/* One place to probe: plain data of a fixed size. Values are taken at entry. */
struct tp_tls_site {
    uint64_t
        file_offset; /* of the instruction; of the file, not of memory: so the kernel wants it */
    uint8_t kind;    /* enum tp_tls_site_kind */
    uint8_t result;  /* enum tp_tls_result */
    uint8_t pad[6];
    struct tp_tls_value conn; /* names the connection, or the cipher context, while it lives */
    struct tp_tls_value data; /* address of the plaintext */
    struct tp_tls_value
        length; /* its bytes; OPEN: bytes of ciphertext, with tag if there is no `tag`; LEAVE: what
                   was moved, where that is not in the register of results */
    struct tp_tls_value count;  /* of COUNT_AT */
    struct tp_tls_value thread; /* LEAVE: what entry and exit have in common instead of a thread */
    struct tp_tls_value stack_top; /* ... and where its stack begins */
    /* Of SEAL and OPEN. TLS gives the record's header as additional data (RFC 8446, 5.2: 5 bytes;
     * RFC 5246, 6.2.3.3: 13 bytes); what comes with something else is no record and is left out. */
    struct tp_tls_value ad, ad_length;
    struct tp_tls_value wire;                /* address of the ciphertext */
    struct tp_tls_value nonce;               /* address of 12 bytes */
    struct tp_tls_value extra, extra_length; /* SEAL: plaintext that stands apart, after `data` */
    struct tp_tls_value tag;                 /* OPEN: address of a tag that stands apart */
    char name[34];                           /* what to call it in messages; may be empty */
};

/* Sites of one stack in one file. */
#define TP_TLS_SITES_MAX 48

/* How a locator looks for its stack in a file without symbols: by what the code must keep. */
enum tp_elf_mark_kind {
    TP_MARK_ENDING, /* a string that ends in `text`, such as a path */
    TP_MARK_STRING, /* a string that begins here, or is the end of another, and ends with `text` */
    TP_MARK_BYTES,  /* `size` bytes */
};

/* At least 8 bytes, the NUL of a string counted. */
struct tp_elf_mark {
    const char *text;
    uint16_t size; /* without the NUL */
    uint16_t kind; /* enum tp_elf_mark_kind */
};

/* An instruction that refers to where a mark was found. Addresses are those of the file's own
 * headers, before relocation. */
struct tp_elf_reference {
    uint64_t at;     /* of its 4 bytes that refer */
    uint64_t target; /* within the mark */
};

/* A function: from its unwind entry, or, where there is none, from its looks. */
struct tp_elf_function {
    uint64_t start, end; /* end: 0 if not known */
    bool unwind;         /* by an unwind entry */
};

/* What an instruction does, as far as locators care. */
enum tp_elf_instruction_kind {
    TP_INSN_OTHER,
    TP_INSN_CALL,   /* `value`: address called, 0 if not direct */
    TP_INSN_JUMP,   /* unconditional; `value` likewise */
    TP_INSN_BRANCH, /* conditional; `value` likewise */
    TP_INSN_RETURN,
    TP_INSN_CONSTANT, /* register `reg` = `value` */
    TP_INSN_ADDRESS,  /* register `reg` = address `value` */
    TP_INSN_PUSH,     /* constant `value` */
    TP_INSN_POP,      /* into register `reg` */
    TP_INSN_TRAP,     /* fills the space between functions */
};

struct tp_elf_instruction {
    uint64_t address;
    uint64_t value;
    uint8_t length;
    uint8_t kind; /* enum tp_elf_instruction_kind */
    uint8_t reg;  /* number in the processor's encoding: 0 rax, 1 rcx, 2 rdx ... */
};

/* Return false to stop. */
typedef bool tp_elf_instruction_fn(void *cx, const struct tp_elf_instruction *insn);

/* An ELF file, opened by the host. It is hostile: nothing that is found in it need make sense. The
 * functions return 0 or negative errno unless they say otherwise. */
struct tp_elf_view {
    void *host;
    const char *path; /* for messages */
    uint16_t machine; /* e_machine: EM_X86_64 ... */
    uint16_t type;    /* e_type: ET_EXEC, ET_DYN */
    uint32_t pad;
    /* File offset of a defined function symbol (.dynsym first, then .symtab). 0, or -ENOENT. */
    int (*symbol)(void *host, const char *name, uint64_t *ret_file_offset);
    /* n bytes at an address that is part of the file. */
    int (*read)(void *host, uint64_t address, void *ret_data, size_t n);
    /* File offset of code at an address. -ENOENT. */
    int (*code)(void *host, uint64_t address, uint64_t *ret_file_offset);
    /* A section by its name. -ENOENT. */
    int (*section)(void *host, const char *name, uint64_t *ret_address, uint64_t *ret_bytes);
    /* Instructions that refer to the n-th mark of the plugin's list. How many there are, which may
     * be more than max. -EOPNOTSUPP on processors whose instructions the host cannot read. */
    int (*references)(void *host, const struct tp_elf_mark *mark, struct tp_elf_reference *ret,
                      size_t max);
    /* The function around an address; -ENOENT. */
    int (*function)(void *host, uint64_t address, struct tp_elf_function *ret);
    /* Is something at least once called at this very address? Where there is no unwind entry, this
     * proves that it is an instruction's. Reads all code. 1, 0 or negative errno. */
    int (*called)(void *host, uint64_t address);
    /* Instructions from `from` on, until `to`. -EILSEQ at what is none. */
    int (*walk)(void *host, uint64_t from, uint64_t to, tp_elf_instruction_fn *each, void *cx);
    /* Addresses of n (at least 2) bytes in what is no code, by a pass of its own: for files whose
     * sections are gone. How many there are, up to max, or negative errno. */
    int (*find)(void *host, const void *bytes, size_t n, uint64_t *ret_addresses, size_t max);
};

/* Where a stack is, or why it is not taken. */
struct tp_tls_location {
    uint32_t count;     /* of sites */
    int32_t confidence; /* 1..100 */
    char reason[120];   /* of a refusal: one line, without a full stop */
    struct tp_tls_site sites[TP_TLS_SITES_MAX];
};

/* What is probed: the calls of programs, or the cipher underneath, record by record. */
enum tp_tls_layer { TP_TLS_STREAM, TP_TLS_RECORD };

/* Looks at one file at a time and keeps nothing between calls. A file may hold several stacks: all
 * that are found are probed. */
struct tp_tls_ops {
    const char *stack;   /* transport.tls: "openssl" ... */
    const char *library; /* whose code it is. Of two locations with the same library in one file,
                            the surer one counts, and TP_TLS_STREAM before TP_TLS_RECORD */
    uint32_t layer;      /* enum tp_tls_layer */
    uint32_t pad;
    const char *const *over; /* libraries whose TP_TLS_RECORD would see the same bytes again,
                                besides its own; NULL-terminated, or NULL */
    const struct tp_elf_mark *marks; /* ends with a NULL text; or NULL */
    /* 1: there it is; 0: the file has no such stack; negative errno: it seems so, but its places
     * are not certain, and ret->reason says why. ret comes zeroed. */
    int (*locate)(const struct tp_elf_view *elf, struct tp_tls_location *ret);
};

/* ---- JSON, as the incremental scanner hands it out ---- */

/* What the scanner can say of a document, in order. Keys have no event: rules name the places. */
enum tp_json_type {
    TP_JSON_OBJECT_BEGIN,
    TP_JSON_OBJECT_END,
    TP_JSON_ARRAY_BEGIN,
    TP_JSON_ARRAY_END,
    TP_JSON_STRING, /* one decoded UTF-8 fragment; `first` and `last` mark the string's ends */
    TP_JSON_NUMBER, /* text as written */
    TP_JSON_TRUE,
    TP_JSON_FALSE,
    TP_JSON_NULL,
};

/* One of them. Text is UTF-8 as far as the sender's is: bytes are passed on unchecked, escapes
 * decoded. */
struct tp_json_event {
    enum tp_json_type type;
    bool first, last; /* of a string's fragments; both true for everything else */
    const char *data; /* STRING, NUMBER: not NUL-terminated; valid during the call */
    size_t len;
};

/* Which places of a document a plugin wants: `pattern` is keys joined by '.', "[]" any array
 * element, and "*" any other key: "messages[].content[].text"; "" is the document itself. Documents
 * that come in one array are taken apart first. `whole` asks for a string in one piece (to 4 KiB;
 * longer ones come cut, with `last` false). The table ends with a NULL pattern. `action` comes back
 * with each event at that place, containers' begin and end included. Patterns are compiled once per
 * API. */
struct tp_json_rule {
    const char *pattern;
    int action;
    bool whole;
};

/* ---- Providers: what a model API's requests and answers mean ---- */

/* The head of a request or an answer. All strings are NUL-terminated, and valid during the call
 * only. */
struct tp_http_view {
    const char *method;
    const char *path;  /* target without query string */
    const char *query; /* after '?', or "" */
    const char *host;  /* Host header, or "" */
    int status;        /* 0 in a request */
    void *host_data;
    /* Value of a header, name in lower case; NULL if absent. */
    const char *(*header)(void *host_data, const char *name);
};

/* Token counts of a call. Providers count in two ways, with the cache inside the input or beside
 * it; here it is inside, as reasoning is inside the output (OpenTelemetry's convention, too). */
enum tp_usage_field {
    TP_USAGE_INPUT, /* inclusive of cache reads and writes */
    TP_USAGE_CACHE_READ,
    TP_USAGE_CACHE_WRITE,
    TP_USAGE_CACHE_WRITE_5M,
    TP_USAGE_CACHE_WRITE_1H,
    TP_USAGE_OUTPUT, /* inclusive of reasoning */
    TP_USAGE_REASONING,
    TP_USAGE_FIELDS
};

/* What tokens were made of, where a provider says so. */
enum tp_modality { TP_TEXT, TP_IMAGE, TP_AUDIO, TP_VIDEO, TP_MODALITIES };

/* Texts about a call. A later one replaces an earlier one. */
enum tp_call_string {
    TP_CALL_MODEL, /* request's or answer's, by the phase in which it is set */
    TP_CALL_STOP_REASON,
    TP_CALL_SERVICE_TIER,
    TP_CALL_RESPONSE_ID,
    TP_CALL_PREVIOUS_ID,
    TP_CALL_SESSION,
    TP_CALL_STRINGS
};

/* What a piece of the context is. Recordings hold the words for these, so new kinds come at the
 * end. */
enum tp_block_kind {
    TP_BLOCK_SYSTEM,
    TP_BLOCK_TOOL_SCHEMA,
    TP_BLOCK_USER,
    TP_BLOCK_ASSISTANT,
    TP_BLOCK_REASONING,
    TP_BLOCK_TOOL_CALL,
    TP_BLOCK_TOOL_RESULT,
    TP_BLOCK_IMAGE,
    TP_BLOCK_DOCUMENT,
    TP_BLOCK_AUDIO,
    TP_BLOCK_VIDEO,
    TP_BLOCK_OTHER,
    TP_BLOCK_TEXT, /* text whose speaker the end of its group tells; "other" where none does */
};

/* Order of the request's blocks, whatever the order on the wire. */
enum tp_section { TP_SECTION_TOOLS, TP_SECTION_SYSTEM, TP_SECTION_MESSAGES, TP_SECTION_OUTPUT };

struct tp_block; /* open while the plugin fills it; owned by the host */
struct tp_call;  /* the call being read; owned by the host */

/* What the members of a group turn out to be, told at its end. */
struct tp_group_end {
    enum tp_block_kind kind;    /* given to the group's members of kind TP_BLOCK_TEXT */
    bool join;                  /* those members become one block (parts of one tool result) */
    bool failed;                /* marks them as a result that says it failed */
    const char *name, *call_id; /* given to them; NULL: none. Copied. */
    size_t name_len, call_id_len;
};

/* What the host does for a provider plugin. A block is opened when its content begins, filled as
 * pieces arrive, described when kind and name are known (which may be last), and closed; several
 * may be open. */
struct tp_call_host {
    uint32_t size; /* of the host's table: look here before using what a later header added */

    void (*set_string)(struct tp_call *, enum tp_call_string, const char *s, size_t n);
    void (*set_streamed)(struct tp_call *, bool streamed);
    /* value < 0 is ignored, so that a null leaves what an earlier event said. */
    void (*set_usage)(struct tp_call *, enum tp_usage_field, int64_t tokens);
    void (*set_modality)(struct tp_call *, bool output, enum tp_modality, int64_t tokens);
    /* The answer says that it failed (an error object, or an error event in mid-stream). */
    void (*set_failed)(struct tp_call *);
    /* The answer said that it is whole (its final event). */
    void (*set_finished)(struct tp_call *);
    /* The exchange turns out to be no model call at all, or (a warm-up) none whose usage counts. */
    void (*set_not_a_call)(struct tp_call *);
    /* This piece of the answer carries model output: marks first and last token time. */
    void (*output_seen)(struct tp_call *);
    /* A token count as an event says it: a whole number from 0 to 2^53, else -1 (null, text,
     * negative). */
    int64_t (*whole_number)(const struct tp_json_event *);

    /* NULL past the host's ceiling on blocks (counted); all block functions take NULL. */
    struct tp_block *(*block_open)(struct tp_call *, enum tp_section, enum tp_block_kind);
    void (*block_text)(struct tp_block *, const char *s, size_t n);
    /* JSON whose layout must not matter. As text in pieces, parsed by the host (later pieces than a
     * capture replace it); or captured: during an event that begins a value (not of a `whole`
     * rule), that value with all below it, leaving out the keys in `without` (NULL-terminated, or
     * NULL) at its top; or as one more member of an object, named by the key that stands before the
     * value. Same value, same identity. Members count only where a block has no text and no other
     * JSON. */
    void (*block_json_text)(struct tp_block *, const char *s, size_t n);
    void (*block_json_capture)(struct tp_block *, const char *const *without);
    void (*block_json_member)(struct tp_block *);
    void (*block_kind)(struct tp_block *, enum tp_block_kind);
    void (*block_name)(struct tp_block *, const char *s, size_t n);
    void (*block_call_id)(struct tp_block *, const char *s, size_t n);
    void (*block_failed)(struct tp_block *);
    /* Done; an empty one (no content, no name) is dropped. */
    void (*block_close)(struct tp_block *);
    void (*block_discard)(struct tp_block *);

    /* Blocks opened between begin and end are a group; groups nest. For a message whose role, or a
     * tool result whose id, may stand after its content. */
    uint32_t (*group_begin)(struct tp_call *);
    void (*group_end)(struct tp_call *, uint32_t group, const struct tp_group_end *);

    /* How often the provider ran a tool of its own during the call: what it bills beside tokens.
     * The name is in lower case and says what is counted, as the event format lists them:
     * "web_search". A later count of the same name replaces the earlier one, a negative one is
     * ignored. At most 16 names of up to 63 bytes; what is beyond changes nothing. */
    void (*set_server_tool)(struct tp_call *, const char *name, size_t name_len, int64_t count);
};

/* What each operation of an API gets. Another call has another one; several calls are open at
 * once. */
struct tp_call_cx {
    const struct tp_call_host *host;
    struct tp_call *call;
    void *state; /* state_size bytes, zeroed at begin */
};

/* Instead of a confidence. */
#define TP_MATCH_NOT_A_CALL                                                                        \
    (-1) /* this endpoint is the provider's, but is no model call (listing, counting) */

/* One API of a provider. The host runs the operations in this order: request_begin,
 * request_json, request_end, response_begin, then for each document of the answer document_begin,
 * response_json, document_end, and last response_end; any of them may be missing where bytes were
 * lost or the connection broke, except response_end. An answer may begin before its request ends.
 */
struct tp_provider_api {
    const char *name;     /* "anthropic.messages" */
    const char *provider; /* who made the API: "anthropic" */
    size_t state_size;
    /* From the request's head alone: 0 (not by path) to 100, or TP_MATCH_NOT_A_CALL. From 80 on the
     * path is the API's alone; below it, several may read the exchange, and of those the bodies'
     * shape decides, else the surest path. */
    int (*match)(const struct tp_http_view *request);
    const struct tp_json_rule *request_rules;
    const struct tp_json_rule
        *response_rules; /* the answer's document, and each document of a stream */
    /* Keys by which usage is found again after a hole, e.g. {"usage", NULL}: the host searches the
     * raw text for "key": and scans the value as if at `response_anchor_path`. */
    const char *const *anchors;
    /* Begins and ends may be NULL. `event` is the SSE event's name, or "". request_begin has the
     * head, or NULL where it was not seen. */
    void (*request_begin)(struct tp_call_cx *, const struct tp_http_view *);
    void (*request_json)(struct tp_call_cx *, int action, const struct tp_json_event *);
    void (*request_end)(struct tp_call_cx *);
    void (*document_begin)(struct tp_call_cx *, const char *event);
    void (*response_json)(struct tp_call_cx *, int action, const struct tp_json_event *);
    void (*document_end)(struct tp_call_cx *);
    void (*response_end)(struct tp_call_cx *);
    /* After all is read: how much this looked like the API by its bodies, 0 to 100. Decides where
     * no path did. */
    int (*shape)(const struct tp_call_cx *);
    /* The answer's head (`status` and `header` of the view), for counts that stand there. Or NULL.
     */
    void (*response_begin)(struct tp_call_cx *, const struct tp_http_view *);
};

/* Who runs the service at a known host: many speak an API that another vendor made. */
struct tp_provider_host {
    const char *host; /* glob (fnmatch) over the host name in lower case, without port; or NULL */
    const char *software; /* how the answer's Server header begins; or NULL */
    const char *provider; /* as the price table names it, where it has one */
};

/* The APIs of one plugin. They are asked in this order, and the surest answer counts. */
struct tp_provider_ops {
    const struct tp_provider_api *const *apis; /* NULL-terminated */
    /* Ends with an entry whose provider is NULL; or NULL. The first that fits counts; where none
     * does, the provider is the API's own. */
    const struct tp_provider_host *hosts;
};

/* ---- Agents: whose a call is ---- */

/* What requests say of a call's place in an agent's work. */
enum tp_agent_fact {
    TP_AGENT_SESSION,       /* one run or sitting of the agent */
    TP_AGENT_THREAD,        /* one conversation of it, where it names them apart from sessions */
    TP_AGENT_PARENT_THREAD, /* the conversation that started this one */
    TP_AGENT_SUBAGENT,      /* what kind of subagent asks */
    TP_AGENT_TURN,          /* one request of the user's, with all calls that serve it */
    TP_AGENT_PROJECT,       /* what is worked on */
    TP_AGENT_FACTS
};

/* How much an agent may put where its id stands. No user, path or text of anyone's may get into a
 * recording: what is no plain id (letters, digits, and some of "-_.:#") is told by a keyed hash. */
enum tp_agent_form {
    TP_AGENT_ID,    /* ids that the agent makes */
    TP_AGENT_LOOSE, /* whatever its user chose: told only where it looks random, else hashed */
    TP_AGENT_HASHED /* always hashed */
};

/* Where a fact stands: in a header, or at a place of the request's document. */
struct tp_agent_place {
    uint32_t fact;      /* enum tp_agent_fact */
    uint32_t form;      /* enum tp_agent_form */
    const char *header; /* its name in lower case; or NULL */
    const char *body;   /* pattern of a string, as in struct tp_json_rule; or NULL */
    const char
        *member; /* the text found is a JSON document: the pattern of a string in it; or NULL */
    const char *after; /* of the text, only the letters, digits and '-' that follow this; or NULL */
};

/* What shows an agent: a header whose value, in lower case, fits a glob (fnmatch). "*" fits any. */
struct tp_agent_sign {
    const char *header; /* name in lower case */
    const char *glob;
};

/* A coding agent, as its requests show it. Whichever agent's sign is found first gives the name. */
struct tp_agent {
    const char *name;                    /* "claude-code"; NULL: any agent */
    const struct tp_agent_sign *signs;   /* ends with a NULL header; or NULL: none */
    const struct tp_agent_place *places; /* the best first; ends with neither header nor body. Those
                                            of any agent are looked at after the agent's own */
};

/* A table: nothing of it is called. */
struct tp_agent_ops {
    const struct tp_agent *agents; /* ends with an entry that has no places */
};

/* ---- The lengths, as this header has them ---- */

struct tp_plugin_sizes {
    uint32_t size; /* sizeof(struct tp_plugin_sizes) */
    /* Structures that may grow at their end. */
    uint32_t tls_ops, provider_ops, provider_api, agent_ops;
    /* Elements of arrays: fixed. */
    uint32_t tls_site, elf_mark, json_rule, provider_host, agent, agent_sign, agent_place;
};

__attribute__((unused)) static const struct tp_plugin_sizes tp_plugin_sizes = {
    .size = sizeof(struct tp_plugin_sizes),
    .tls_ops = sizeof(struct tp_tls_ops),
    .provider_ops = sizeof(struct tp_provider_ops),
    .provider_api = sizeof(struct tp_provider_api),
    .agent_ops = sizeof(struct tp_agent_ops),
    .tls_site = sizeof(struct tp_tls_site),
    .elf_mark = sizeof(struct tp_elf_mark),
    .json_rule = sizeof(struct tp_json_rule),
    .provider_host = sizeof(struct tp_provider_host),
    .agent = sizeof(struct tp_agent),
    .agent_sign = sizeof(struct tp_agent_sign),
    .agent_place = sizeof(struct tp_agent_place),
};

#endif
