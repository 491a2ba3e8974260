/* SPDX-License-Identifier: MIT
 * Rows of cells, as an aligned table for people or as CSV (RFC 4180) for programs. In a table
 * numbers have thousands separators and units and unknown is "-"; in CSV numbers are bare (ns,
 * currency units) and unknown is empty.
 */
#ifndef TP_FORMAT_TABLE_H
#define TP_FORMAT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The three forms that every listing has. */
enum tp_format { TP_FORMAT_TABLE, TP_FORMAT_JSON, TP_FORMAT_CSV };

/* "table", "json" or "csv". False for other words. */
bool tp_format_parse(const char *word, enum tp_format *ret_format);

/* A title and how its cells stand. In CSV the title is the header's field. */
struct tp_column {
    const char *title;
    bool right; /* aligned to the right: numbers */
};

/* Cells are given row by row, left to right. A few hundred rows are held to find the widths,
 * then they are printed; so memory does not grow with the output. */
struct tp_table;

/* NULL without memory. `columns` outlives the table. */
struct tp_table *tp_table_new(FILE *file, bool csv, const struct tp_column *columns, size_t count);
/* Writes what is held and frees. NULL is fine. */
void tp_table_free(struct tp_table *table);

/* Frees without writing. NULL is fine. */
void tp_table_discard(struct tp_table *table);

/* The next cell; after the last column's a new row begins. */
void tp_table_text(struct tp_table *table, const char *s);  /* NULL: unknown */
void tp_table_count(struct tp_table *table, int64_t value); /* negative: unknown */
void tp_table_time(struct tp_table *table, int64_t ns);     /* a span; negative: unknown */
void tp_table_money(struct tp_table *table, bool known, uint64_t nano);
/* The same in any currency ("CNY 0.12"); as CSV, dollars alone: a column has one unit. */
void tp_table_cost(struct tp_table *table, bool known, const char *currency, uint64_t nano);

/* Colours: only on a terminal, and not where NO_COLOR is set (no-color.org). */
bool tp_format_colour(FILE *file);

/* "1,234,567". */
void tp_format_count(int64_t value, char *ret_text, size_t size);
/* "1.25 s", "310 ms". */
void tp_format_time(int64_t ns, char *ret_text, size_t size);
/* "$1.25", "$0.0031": at least two significant digits. */
void tp_format_dollars(uint64_t nano, char *ret_text, size_t size);
/* The same of any currency, an ISO 4217 code: "CNY 1.25". */
void tp_format_money(const char *currency, uint64_t nano, char *ret_text, size_t size);

#endif
