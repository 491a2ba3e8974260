/* SPDX-License-Identifier: MIT */
#include "analyzer/format/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/prices.h"

/* Widths are found over this many rows at a time, so that a long list streams. */
#define HELD_ROWS 2000u
#define CELL_WIDTH_MAX 48

struct tp_table {
    FILE *file;
    bool csv, colour, titled;
    const struct tp_column *columns;
    size_t column_count;
    char **cells; /* HELD_ROWS rows */
    size_t cell_count;
};

bool tp_format_parse(const char *word, enum tp_format *ret_format)
{
    static const char *const words[] = {"table", "json", "csv"};
    for (int i = 0; i < 3; i++)
        if (strcmp(word, words[i]) == 0) {
            *ret_format = (enum tp_format)i;
            return true;
        }
    return false;
}

bool tp_format_colour(FILE *file)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(file)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void tp_format_count(int64_t value, char *ret_text, size_t size)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, value), at = 0;
    for (int i = 0; i < n && (size_t)at + 2 < size; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            ret_text[at++] = ',';
        ret_text[at++] = digits[i];
    }
    ret_text[at] = '\0';
}

void tp_format_time(int64_t ns, char *ret_text, size_t size)
{
    double s = (double)ns / 1e9;
    if (s < 1)
        snprintf(ret_text, size, "%.0f ms", s * 1e3);
    else if (s < 100)
        snprintf(ret_text, size, "%.2f s", s);
    else
        snprintf(ret_text, size, "%.0f s", s);
}

/* More decimals for smaller sums: "$0.00" would say that a cheap call was free. */
static void money(const char *sign, uint64_t nano, char *ret_text, size_t size)
{
    uint64_t unit = 10000000; /* a cent */
    int decimals = 2;
    while (nano > 0 && nano < 10 * unit && unit > 1) {
        unit /= 10;
        decimals++;
    }
    uint64_t rounded = nano > UINT64_MAX - unit ? nano : (nano + unit / 2) / unit * unit;
    char text[48];
    int n = snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu64, sign, rounded / 1000000000,
                     rounded % 1000000000);
    snprintf(ret_text, size, "%.*s", n - (9 - decimals), text);
}

void tp_format_dollars(uint64_t nano, char *ret_text, size_t size)
{
    money("$", nano, ret_text, size);
}

void tp_format_money(const char *currency, uint64_t nano, char *ret_text, size_t size)
{
    char sign[8];
    snprintf(sign, sizeof(sign), "%.3s ", currency);
    money(strcmp(currency, "USD") == 0 ? "$" : sign, nano, ret_text, size);
}

struct tp_table *tp_table_new(FILE *file, bool csv, const struct tp_column *columns, size_t count)
{
    struct tp_table *t = calloc(1, sizeof(*t));
    if (!t || !(t->cells = calloc(HELD_ROWS * count, sizeof(char *)))) {
        free(t);
        return NULL;
    }
    t->file = file;
    t->csv = csv;
    t->colour = !csv && tp_format_colour(file);
    t->columns = columns;
    t->column_count = count;
    return t;
}

/* RFC 4180: quotes only where needed, doubled inside. */
static void csv_field(FILE *file, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, file);
        return;
    }
    fputc('"', file);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', file);
        fputc(*s, file);
    }
    fputc('"', file);
}

/* Characters, not bytes: UTF-8 continuation bytes take no column. */
static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Cuts on whole characters, and never the last column, which needs no room behind it. */
static void aligned_field(FILE *file, const char *s, size_t width, bool right, bool last)
{
    size_t have = width_of(s), bytes = strlen(s);
    if (have > CELL_WIDTH_MAX && !last) {
        for (bytes = 0, have = 0; have < CELL_WIDTH_MAX - 1; have++)
            for (bytes++; ((unsigned char)s[bytes] & 0xc0) == 0x80; bytes++)
                ;
    }
    int pad = width > have ? (int)(width - have) : 0;
    fprintf(file, "%*s%.*s", right ? pad : 0, "", (int)bytes, s);
    if (width_of(s) > CELL_WIDTH_MAX && !last)
        fputs("~", file), pad--;
    if (!last)
        fprintf(file, "%*s", (right ? 0 : pad > 0 ? pad : 0) + 2, "");
}

static const char *cell(const struct tp_table *t, size_t row, size_t column)
{
    size_t at = row * t->column_count + column;
    return at < t->cell_count && t->cells[at] ? t->cells[at] : "";
}

static void print_titles(struct tp_table *t, const size_t *widths)
{
    if (t->titled)
        return;
    t->titled = true;
    if (t->colour)
        fputs("\033[1m", t->file);
    for (size_t c = 0; c < t->column_count; c++) {
        bool last = c + 1 == t->column_count;
        if (t->csv)
            fprintf(t->file, "%s%s", t->columns[c].title, last ? "" : ",");
        else
            aligned_field(t->file, t->columns[c].title, widths[c], t->columns[c].right, last);
    }
    fputs(t->colour ? "\033[0m\n" : t->csv ? "\r\n" : "\n", t->file);
}

static void forget(struct tp_table *t)
{
    for (size_t i = 0; i < t->cell_count; i++)
        free(t->cells[i]);
    t->cell_count = 0;
}

/* Widths come from the rows held: an endless stream of calls is printed in batches, each aligned
 * by itself. */
static void flush(struct tp_table *t)
{
    size_t rows = t->cell_count / t->column_count;
    size_t *widths = calloc(t->column_count, sizeof(*widths));
    for (size_t c = 0; widths && c < t->column_count; c++) {
        widths[c] = width_of(t->columns[c].title);
        for (size_t r = 0; r < rows; r++) {
            size_t w = width_of(cell(t, r, c));
            widths[c] = w > widths[c] ? w : widths[c];
        }
        widths[c] = widths[c] > CELL_WIDTH_MAX ? CELL_WIDTH_MAX : widths[c];
    }
    if (widths)
        print_titles(t, widths);
    for (size_t r = 0; widths && r < rows; r++) {
        for (size_t c = 0; c < t->column_count; c++) {
            bool last = c + 1 == t->column_count;
            if (t->csv)
                csv_field(t->file, cell(t, r, c)), fputs(last ? "" : ",", t->file);
            else
                aligned_field(t->file, cell(t, r, c), widths[c], t->columns[c].right, last);
        }
        fputs(t->csv ? "\r\n" : "\n", t->file);
    }
    free(widths);
    forget(t);
}

void tp_table_free(struct tp_table *table)
{
    if (!table)
        return;
    flush(table);
    tp_table_discard(table);
}

void tp_table_discard(struct tp_table *table)
{
    if (!table)
        return;
    forget(table);
    free(table->cells);
    free(table);
}

void tp_table_text(struct tp_table *table, const char *s)
{
    if (table->cell_count == HELD_ROWS * table->column_count)
        flush(table);
    table->cells[table->cell_count++] = strdup(s ? s : table->csv ? "" : "-");
}

void tp_table_count(struct tp_table *table, int64_t value)
{
    char text[40];
    if (table->csv)
        snprintf(text, sizeof(text), "%" PRId64, value);
    else
        tp_format_count(value, text, sizeof(text));
    tp_table_text(table, value < 0 ? NULL : text);
}

void tp_table_time(struct tp_table *table, int64_t ns)
{
    char text[40];
    if (table->csv)
        snprintf(text, sizeof(text), "%" PRId64, ns);
    else
        tp_format_time(ns, text, sizeof(text));
    tp_table_text(table, ns < 0 ? NULL : text);
}

void tp_table_cost(struct tp_table *table, bool known, const char *currency, uint64_t nano)
{
    char text[40];
    bool dollars = known && strcmp(currency, "USD") == 0;
    if (table->csv || !known || dollars) {
        tp_table_money(table, dollars, nano);
        return;
    }
    tp_format_money(currency, nano, text, sizeof(text));
    tp_table_text(table, text);
}

void tp_table_money(struct tp_table *table, bool known, uint64_t nano)
{
    char text[40];
    if (table->csv)
        tp_prices_format(nano, text, sizeof(text));
    else
        tp_format_dollars(nano, text, sizeof(text));
    tp_table_text(table, known ? text : NULL);
}
