/* SPDX-License-Identifier: MIT
 * An executable's bytes by address, and what locators ask of them where there are no symbols: where
 * the marks of a stack are (strings and tables that the code must keep), which instructions refer
 * to them, in which functions. Read in pieces, never mapped; each search passes over the file once
 * and keeps what it found. Every number of the file is checked against its size.
 */
#ifndef TP_IMAGE_H
#define TP_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <tokprof/plugin.h>

#define TP_SEGMENTS_MAX 32
/* All plugins' marks together. */
#define TP_MARKS_MAX 64
/* Where marks were found, and references to them; what is beyond is not looked at, so that a file
 * full of them has no unique match. */
#define TP_MARK_HITS_MAX 512
#define TP_REFERENCES_MAX 4096

/* A loaded part of the file; address and file offset need not be aligned alike. */
struct tp_segment {
    uint64_t address, offset, bytes;
    uint32_t flags; /* PF_R, PF_W, PF_X */
};

/* One place of a mark: addresses that count as references to it. */
struct tp_mark_hit {
    uint64_t from, to; /* inclusive */
    uint16_t mark;
};

struct tp_image_reference {
    uint64_t at, target;
    uint16_t mark;
};

struct tp_image {
    int fd;
    uint16_t machine, type;
    struct tp_segment segment[TP_SEGMENTS_MAX];
    size_t segment_count;
    uint64_t unwind_header, unwind_header_bytes; /* PT_GNU_EH_FRAME */
    uint64_t unwind_table, unwind_count;         /* its binary search table; 0: none */
    const struct tp_elf_mark *mark[TP_MARKS_MAX];
    size_t mark_count;
    struct tp_mark_hit *hits; /* by address, once looked for */
    size_t hit_count;
    struct tp_image_reference *references;
    size_t reference_count;
    bool marks_done, references_done;
    uint8_t *piece; /* for searches */
};

/* Reads the program headers. 0, -ENOEXEC or negative errno. fd stays the caller's. */
int tp_image_init(struct tp_image *image, int fd);
void tp_image_done(struct tp_image *image);

/* Before the first search: `marks` ends with a NULL text. -E2BIG past TP_MARKS_MAX. */
int tp_image_add_marks(struct tp_image *image, const struct tp_elf_mark *marks);

/* n bytes at an address; 0 or -ENOENT. */
int tp_image_read(const struct tp_image *image, uint64_t address, void *ret_data, size_t n);
/* At most n of them: how many, which may be 0. */
size_t tp_image_read_some(const struct tp_image *image, uint64_t address, void *ret_data, size_t n);
/* At most n of those before it, which end the buffer's used part: how many. */
size_t tp_image_read_before(const struct tp_image *image, uint64_t address, void *ret_data,
                            size_t n);
/* File offset of an address, in a segment that has all of `flags`. 0 or -ENOENT. */
int tp_image_offset(const struct tp_image *image, uint64_t address, uint32_t flags,
                    uint64_t *ret_offset);

/* As in struct tp_elf_view. */
int tp_image_references(struct tp_image *image, const struct tp_elf_mark *mark,
                        struct tp_elf_reference *ret, size_t max);
int tp_image_function(struct tp_image *image, uint64_t address, struct tp_elf_function *ret);
int tp_image_called(struct tp_image *image, uint64_t address);
int tp_image_walk(struct tp_image *image, uint64_t from, uint64_t to, tp_elf_instruction_fn *each,
                  void *cx);

/* As in struct tp_elf_view. */
int tp_image_find(struct tp_image *image, const void *bytes, size_t n, uint64_t *ret_addresses,
                  size_t max);

/* Passes over the bytes of a segment in pieces that overlap by `overlap`; `each` gets the address
 * of the piece's first byte, and stops by returning false. 0 or negative errno. */
typedef bool tp_piece_fn(void *cx, uint64_t address, const uint8_t *data, size_t n);
int tp_image_pieces(struct tp_image *image, const struct tp_segment *segment, size_t overlap,
                    tp_piece_fn *each, void *cx);

/* Fills image->hits, sorted, once. 0 or negative errno. */
int tp_image_find_marks(struct tp_image *image);

#endif
