/* SPDX-License-Identifier: MIT */
#include "collector/image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES (1024u * 1024u)

static int read_at(int fd, uint64_t offset, void *data, size_t n)
{
    if (offset > INT64_MAX - n)
        return -ENOENT;
    return pread(fd, data, n, (off_t)offset) == (ssize_t)n ? 0 : -ENOENT;
}

/* What lies beyond the end of the file is not there. */
static void add_segment(struct tp_image *image, const Elf64_Phdr *ph, uint64_t file_bytes)
{
    if (image->segment_count == TP_SEGMENTS_MAX || ph->p_offset >= file_bytes ||
        ph->p_vaddr > UINT64_MAX - ph->p_filesz)
        return;
    uint64_t room = file_bytes - ph->p_offset;
    image->segment[image->segment_count++] =
        (struct tp_segment){.address = ph->p_vaddr,
                            .offset = ph->p_offset,
                            .bytes = ph->p_filesz < room ? ph->p_filesz : room,
                            .flags = ph->p_flags};
}

/* Only the layout that every x86-64 and aarch64 linker writes: version 1, frame pointer relative,
 * count as 4 bytes, a sorted table of pairs relative to the header (LSB, "Exception Frames"). */
static void find_unwind_table(struct tp_image *image)
{
    uint8_t head[12];
    uint32_t count;

    if (!image->unwind_header || tp_image_read(image, image->unwind_header, head, sizeof(head)) ||
        head[0] != 1 || head[2] != 0x03 || head[3] != 0x3b)
        return;
    memcpy(&count, head + 8, sizeof(count));
    if (image->unwind_header_bytes < sizeof(head) ||
        count > (image->unwind_header_bytes - sizeof(head)) / 8)
        return;
    image->unwind_table = image->unwind_header + sizeof(head);
    image->unwind_count = count;
}

int tp_image_init(struct tp_image *image, int fd)
{
    Elf64_Ehdr eh;
    struct stat st;

    memset(image, 0, sizeof(*image));
    image->fd = fd;
    if (fstat(fd, &st) || read_at(fd, 0, &eh, sizeof(eh)) ||
        memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_phentsize != sizeof(Elf64_Phdr))
        return -ENOEXEC;
    image->machine = eh.e_machine;
    image->type = eh.e_type;
    for (size_t i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        if (eh.e_phoff > INT64_MAX || read_at(fd, eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
            break;
        if (ph.p_type == PT_LOAD)
            add_segment(image, &ph, (uint64_t)st.st_size);
        if (ph.p_type == PT_GNU_EH_FRAME) {
            image->unwind_header = ph.p_vaddr;
            image->unwind_header_bytes = ph.p_filesz;
        }
    }
    find_unwind_table(image);
    return 0;
}

void tp_image_done(struct tp_image *image)
{
    free(image->hits);
    free(image->references);
    free(image->piece);
}

int tp_image_add_marks(struct tp_image *image, const struct tp_elf_mark *marks)
{
    for (size_t i = 0; i < image->mark_count; i++)
        if (image->mark[i] == marks)
            return 0; /* plugins may share a list */
    for (size_t i = 0; marks && marks[i].text; i++) {
        if (image->mark_count == TP_MARKS_MAX)
            return -E2BIG;
        image->mark[image->mark_count++] = &marks[i];
    }
    return 0;
}

static const struct tp_segment *segment_at(const struct tp_image *image, uint64_t address,
                                           uint32_t flags)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct tp_segment *s = &image->segment[i];
        if ((s->flags & flags) == flags && address >= s->address && address - s->address < s->bytes)
            return s;
    }
    return NULL;
}

size_t tp_image_read_some(const struct tp_image *image, uint64_t address, void *ret_data, size_t n)
{
    const struct tp_segment *s = segment_at(image, address, 0);
    if (!s)
        return 0;
    uint64_t at = address - s->address, room = s->bytes - at;
    if (n > room)
        n = (size_t)room;
    return read_at(image->fd, s->offset + at, ret_data, n) ? 0 : n;
}

size_t tp_image_read_before(const struct tp_image *image, uint64_t address, void *ret_data,
                            size_t n)
{
    const struct tp_segment *s = segment_at(image, address, 0);
    if (!s)
        return 0;
    uint64_t at = address - s->address;
    if (n > at)
        n = (size_t)at;
    return read_at(image->fd, s->offset + at - n, ret_data, n) ? 0 : n;
}

int tp_image_read(const struct tp_image *image, uint64_t address, void *ret_data, size_t n)
{
    return tp_image_read_some(image, address, ret_data, n) == n ? 0 : -ENOENT;
}

int tp_image_offset(const struct tp_image *image, uint64_t address, uint32_t flags,
                    uint64_t *ret_offset)
{
    const struct tp_segment *s = segment_at(image, address, flags);
    if (!s)
        return -ENOENT;
    *ret_offset = s->offset + (address - s->address);
    return 0;
}

int tp_image_pieces(struct tp_image *image, const struct tp_segment *segment, size_t overlap,
                    tp_piece_fn *each, void *cx)
{
    if (!image->piece)
        image->piece = malloc(PIECE_BYTES);
    if (!image->piece)
        return -ENOMEM;
    for (uint64_t at = 0; at < segment->bytes;) {
        uint64_t left = segment->bytes - at;
        size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        if (read_at(image->fd, segment->offset + at, image->piece, n))
            return -EIO;
        if (!each(cx, segment->address + at, image->piece, n) || n == left)
            return 0;
        at += n - overlap;
    }
    return 0;
}

struct bytes_search {
    const void *bytes;
    size_t n, max, count;
    uint64_t *addresses;
};

static bool find_in_piece(void *cx, uint64_t address, const uint8_t *data, size_t n)
{
    struct bytes_search *s = cx;
    const uint8_t *at = data, *hit;

    while (s->count < s->max && (hit = memmem(at, n - (size_t)(at - data), s->bytes, s->n))) {
        s->addresses[s->count++] = address + (uint64_t)(hit - data);
        at = hit + 1;
    }
    return s->count < s->max;
}

int tp_image_find(struct tp_image *image, const void *bytes, size_t n, uint64_t *ret_addresses,
                  size_t max)
{
    struct bytes_search s = {.bytes = bytes, .n = n, .max = max, .addresses = ret_addresses};

    for (size_t i = 0; i < image->segment_count && s.count < max && n > 1; i++) {
        if (image->segment[i].flags & PF_X)
            continue;
        int err = tp_image_pieces(image, &image->segment[i], n - 1, find_in_piece, &s);
        if (err)
            return err;
    }
    return (int)s.count;
}
