/* SPDX-License-Identifier: MIT */
#include "collector/elf.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "collector/elf_hash.h"
#include "collector/image.h"

/* Ceilings: the largest real symbol tables (browsers, node with debug symbols) are well below. */
#define TABLE_BYTES_MAX (512u * 1024u * 1024u)
#define SYMBOLS_MAX (8u * 1024u * 1024u)
#define DYNAMIC_MAX 4096
/* Names made to collide must not cost quadratic time: such a symbol is left out. */
#define INDEX_STEPS_MAX 512

/* One symbol table with an index by name, made when first asked. */
struct symbols {
    const char *strings; /* NUL-terminated at strings_bytes - 1 */
    size_t strings_bytes;
    Elf_Data *data;
    uint32_t *slot; /* symbol number + 1; 0: free */
    uint32_t mask;
    bool tried;
};

struct tp_elf {
    Elf *elf;
    int fd;
    struct tp_elf_view view;
    struct tp_elf_hash hash;
    bool hash_tried;
    struct symbols dynamic, all;
    struct tp_image image;
};

/* FNV-1a of the name without the version that .symtab appends ("SSL_read@@OPENSSL_3.0.0"). */
static uint32_t name_hash(const char *s, size_t *ret_len)
{
    uint32_t h = 2166136261u;
    size_t n = 0;

    for (; s[n] && s[n] != '@'; n++)
        h = (h ^ (uint8_t)s[n]) * 16777619u;
    *ret_len = n;
    return h;
}

/* The file is of this machine's class and byte order (is_native), so that no conversion is needed.
 */
static const Elf64_Sym *symbol_at(const struct symbols *t, size_t number)
{
    return (const Elf64_Sym *)t->data->d_buf + number;
}

static const char *symbol_name(const struct symbols *t, const Elf64_Sym *sym)
{
    return sym->st_name == 0 || sym->st_name >= t->strings_bytes ? NULL : t->strings + sym->st_name;
}

static Elf_Scn *section_of_type(Elf *elf, GElf_Word type, GElf_Shdr *ret_shdr)
{
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
        if (gelf_getshdr(scn, ret_shdr) && ret_shdr->sh_type == type)
            return scn;
    }
    return NULL;
}

static Elf_Data *section_data(Elf_Scn *scn, const GElf_Shdr *shdr)
{
    return scn && shdr->sh_size <= TABLE_BYTES_MAX ? elf_getdata(scn, NULL) : NULL;
}

static bool strings_load(struct symbols *t, Elf *elf, GElf_Word link)
{
    GElf_Shdr shdr;
    Elf_Scn *scn = elf_getscn(elf, link);
    if (!scn || !gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_STRTAB)
        return false;
    Elf_Data *data = section_data(scn, &shdr);
    if (!data || !data->d_buf || data->d_size == 0 || ((char *)data->d_buf)[data->d_size - 1])
        return false;
    t->strings = data->d_buf;
    t->strings_bytes = data->d_size;
    return true;
}

static bool is_function(const Elf64_Sym *sym)
{
    return ELF64_ST_TYPE(sym->st_info) == STT_FUNC && sym->st_shndx != SHN_UNDEF &&
           sym->st_value != 0;
}

static void index_add(struct symbols *t, uint32_t number, const char *name)
{
    size_t len;
    uint32_t i = name_hash(name, &len) & t->mask;

    for (int steps = 0; t->slot[i]; steps++) {
        if (steps == INDEX_STEPS_MAX)
            return;
        i = (i + 1) & t->mask;
    }
    t->slot[i] = number + 1;
}

static void index_fill(struct symbols *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Elf64_Sym *sym = symbol_at(t, i);
        const char *name = is_function(sym) ? symbol_name(t, sym) : NULL;
        if (name)
            index_add(t, (uint32_t)i, name);
    }
}

static void symbols_load(struct symbols *t, Elf *elf, GElf_Word type)
{
    GElf_Shdr shdr;
    Elf_Scn *scn = section_of_type(elf, type, &shdr);

    t->tried = true;
    t->data = section_data(scn, &shdr);
    if (!t->data || !t->data->d_buf || shdr.sh_entsize != sizeof(Elf64_Sym) ||
        !strings_load(t, elf, shdr.sh_link))
        return;
    size_t count = t->data->d_size / sizeof(Elf64_Sym);
    if (count > SYMBOLS_MAX)
        return;
    uint32_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    t->slot = calloc(slots, sizeof(*t->slot));
    if (!t->slot)
        return;
    t->mask = slots - 1;
    index_fill(t, count);
}

/* Local symbols count too (a hidden static OpenSSL has only those), but a global one is preferred.
 */
static bool symbols_find(const struct symbols *t, const char *name, uint64_t *ret_address)
{
    size_t want;
    uint32_t i = name_hash(name, &want) & t->mask;
    bool found = false;

    if (!t->slot)
        return false;
    for (; t->slot[i]; i = (i + 1) & t->mask) {
        const Elf64_Sym *sym = symbol_at(t, t->slot[i] - 1);
        const char *s = symbol_name(t, sym);
        if (strncmp(s, name, want) != 0 || (s[want] != 0 && s[want] != '@'))
            continue;
        bool global = ELF64_ST_BIND(sym->st_info) != STB_LOCAL;
        if (!found || global)
            *ret_address = sym->st_value;
        found = true;
        if (global)
            break;
    }
    return found;
}

static bool place_of(Elf_Scn *scn, GElf_Word type, struct tp_elf_place *ret_place)
{
    GElf_Shdr shdr;

    if (!scn || !gelf_getshdr(scn, &shdr) || shdr.sh_type != type)
        return false;
    *ret_place = (struct tp_elf_place){shdr.sh_offset, shdr.sh_size};
    return true;
}

/* Sections that are not there stay empty, so that no search in them succeeds. */
static void hash_load(struct tp_elf *e)
{
    GElf_Shdr table, symbols;
    Elf_Scn *scn = section_of_type(e->elf, SHT_GNU_HASH, &table);

    e->hash_tried = true;
    e->hash = (struct tp_elf_hash){.fd = e->fd};
    Elf_Scn *linked = scn ? elf_getscn(e->elf, table.sh_link) : NULL;
    if (!place_of(linked, SHT_DYNSYM, &e->hash.symbols) || !gelf_getshdr(linked, &symbols) ||
        symbols.sh_entsize != sizeof(Elf64_Sym) ||
        !place_of(elf_getscn(e->elf, symbols.sh_link), SHT_STRTAB, &e->hash.strings))
        return;
    e->hash.table = (struct tp_elf_place){table.sh_offset, table.sh_size};
}

static int find_dynamic(struct tp_elf *e, const char *name, uint64_t *ret_address)
{
    Elf64_Sym symbol;

    if (!e->hash_tried)
        hash_load(e);
    int err = tp_elf_hash_find(&e->hash, name, &symbol);
    if (!err)
        *ret_address = symbol.st_value;
    if (!err || err == -ENOENT)
        return err;
    if (!e->dynamic.tried)
        symbols_load(&e->dynamic, e->elf, SHT_DYNSYM);
    return symbols_find(&e->dynamic, name, ret_address) ? 0 : -ENOENT;
}

static int find_symbol(void *host, const char *name, uint64_t *ret_file_offset)
{
    struct tp_elf *e = host;
    uint64_t address;

    if (find_dynamic(e, name, &address) == 0)
        return tp_image_offset(&e->image, address, PF_X, ret_file_offset);
    if (!e->all.tried)
        symbols_load(&e->all, e->elf, SHT_SYMTAB);
    if (symbols_find(&e->all, name, &address))
        return tp_image_offset(&e->image, address, PF_X, ret_file_offset);
    return -ENOENT;
}

static int read_bytes(void *host, uint64_t address, void *ret_data, size_t n)
{
    const struct tp_elf *e = host;
    return tp_image_read(&e->image, address, ret_data, n);
}

static int code_offset(void *host, uint64_t address, uint64_t *ret_file_offset)
{
    const struct tp_elf *e = host;
    return tp_image_offset(&e->image, address, PF_X, ret_file_offset);
}

static int find_section(void *host, const char *name, uint64_t *ret_address, uint64_t *ret_bytes)
{
    struct tp_elf *e = host;
    size_t names;
    GElf_Shdr shdr;

    if (elf_getshdrstrndx(e->elf, &names))
        return -ENOENT;
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(e->elf, scn));) {
        const char *s = gelf_getshdr(scn, &shdr) ? elf_strptr(e->elf, names, shdr.sh_name) : NULL;
        if (!s || strcmp(s, name) != 0)
            continue;
        *ret_address = shdr.sh_addr;
        *ret_bytes = shdr.sh_size;
        return 0;
    }
    return -ENOENT;
}

static int find_references(void *host, const struct tp_elf_mark *mark, struct tp_elf_reference *ret,
                           size_t max)
{
    struct tp_elf *e = host;
    return tp_image_references(&e->image, mark, ret, max);
}

static int find_function(void *host, uint64_t address, struct tp_elf_function *ret)
{
    struct tp_elf *e = host;
    return tp_image_function(&e->image, address, ret);
}

static int is_called(void *host, uint64_t address)
{
    struct tp_elf *e = host;
    return tp_image_called(&e->image, address);
}

static int walk(void *host, uint64_t from, uint64_t to, tp_elf_instruction_fn *each, void *cx)
{
    struct tp_elf *e = host;
    return tp_image_walk(&e->image, from, to, each, cx);
}

static int find_bytes(void *host, const void *bytes, size_t n, uint64_t *ret, size_t max)
{
    struct tp_elf *e = host;
    return tp_image_find(&e->image, bytes, n, ret, max);
}

int tp_elf_add_marks(struct tp_elf *elf, const struct tp_elf_mark *marks)
{
    return tp_image_add_marks(&elf->image, marks);
}

static bool is_native(Elf *elf)
{
    const char *ident = elf_getident(elf, NULL);
    const uint16_t one = 1;
    int order = *(const uint8_t *)&one ? ELFDATA2LSB : ELFDATA2MSB;
    return elf_kind(elf) == ELF_K_ELF && ident && ident[EI_CLASS] == ELFCLASS64 &&
           ident[EI_DATA] == order;
}

int tp_elf_open(struct tp_elf **ret_elf, int fd, const char *name)
{
    struct tp_elf *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->fd = fd;
    elf_version(EV_CURRENT);
    e->elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!e->elf || !is_native(e->elf) || tp_image_init(&e->image, fd)) {
        tp_elf_close(e);
        return -ENOEXEC;
    }
    e->view = (struct tp_elf_view){.host = e,
                                   .path = name,
                                   .machine = e->image.machine,
                                   .type = e->image.type,
                                   .symbol = find_symbol,
                                   .read = read_bytes,
                                   .code = code_offset,
                                   .section = find_section,
                                   .references = find_references,
                                   .function = find_function,
                                   .called = is_called,
                                   .walk = walk,
                                   .find = find_bytes};
    *ret_elf = e;
    return 0;
}

void tp_elf_close(struct tp_elf *elf)
{
    if (!elf)
        return;
    free(elf->dynamic.slot);
    free(elf->all.slot);
    if (elf->elf)
        elf_end(elf->elf);
    tp_image_done(&elf->image);
    free(elf);
}

const struct tp_elf_view *tp_elf_view(struct tp_elf *elf)
{
    return &elf->view;
}

/* NT_GNU_BUILD_ID of owner "GNU" in one section of notes. */
static bool build_id_in(Elf_Data *data, char hex[TP_BUILD_ID_HEX_MAX])
{
    static const char digits[] = "0123456789abcdef";
    GElf_Nhdr nh;
    size_t name, desc;

    for (size_t at = 0; (at = gelf_getnote(data, at, &nh, &name, &desc)) > 0;) {
        if (nh.n_type != NT_GNU_BUILD_ID || nh.n_namesz != 4 ||
            memcmp((char *)data->d_buf + name, "GNU", 4) != 0)
            continue;
        const uint8_t *id = (const uint8_t *)data->d_buf + desc;
        size_t n = nh.n_descsz < 32 ? nh.n_descsz : 32;
        for (size_t i = 0; i < n; i++) {
            hex[2 * i] = digits[id[i] >> 4];
            hex[2 * i + 1] = digits[id[i] & 15];
        }
        hex[2 * n] = 0;
        return true;
    }
    return false;
}

void tp_elf_build_id(struct tp_elf *elf, char ret_hex[TP_BUILD_ID_HEX_MAX])
{
    ret_hex[0] = 0;
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf->elf, scn));) {
        GElf_Shdr shdr;
        if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_NOTE || shdr.sh_size > 65536)
            continue;
        Elf_Data *data = elf_getdata(scn, NULL);
        if (data && build_id_in(data, ret_hex))
            return;
    }
}

void tp_elf_dynamic(struct tp_elf *elf,
                    void (*each)(void *cx, enum tp_elf_dynamic what, const char *text), void *cx)
{
    GElf_Shdr shdr;
    GElf_Dyn dyn;
    Elf_Scn *scn = section_of_type(elf->elf, SHT_DYNAMIC, &shdr);
    Elf_Data *data = section_data(scn, &shdr);
    struct symbols strings = {0};

    if (!data || !strings_load(&strings, elf->elf, shdr.sh_link))
        return;
    for (int i = 0; i < DYNAMIC_MAX && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
        if (dyn.d_un.d_val >= strings.strings_bytes)
            continue;
        const char *text = strings.strings + dyn.d_un.d_val;
        if (dyn.d_tag == DT_NEEDED)
            each(cx, TP_ELF_NEEDED, text);
        else if (dyn.d_tag == DT_RUNPATH || dyn.d_tag == DT_RPATH)
            each(cx, TP_ELF_RUNPATH, text);
    }
}
