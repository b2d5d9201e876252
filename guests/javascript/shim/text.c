/* Text on its way to the host, which reads UTF-8 and strict JSON. */
#include "shim.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_put(Text *text, const char *bytes, size_t len)
{
    if (text->failed)
        return;
    if (len > text->cap - text->len) {
        size_t cap = (text->len + len) * 2 + 256;
        char *at = heap_resize(text->at, cap);
        if (!at) {
            text->failed = true;
            return;
        }
        text->at = at;
        text->cap = cap;
    }
    memcpy(text->at + text->len, bytes, len);
    text->len += len;
}

void text_puts(Text *text, const char *string)
{
    text_put(text, string, strlen(string));
}

void text_free(Text *text)
{
    heap_free(text->at);
    *text = (Text){0};
}

/* QuickJS writes a lone surrogate as the three bytes ED A0..BF xx: U+FFFD takes its place. */
static bool is_surrogate(const char *at, size_t left)
{
    return left >= 3 && (uint8_t)at[0] == 0xED && (uint8_t)at[1] >= 0xA0;
}

size_t text_well_formed(char *wtf8, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (is_surrogate(wtf8 + i, len - i)) {
            memcpy(wtf8 + i, "\xEF\xBF\xBD", 3);
            i += 2;
        }
    }
    return len;
}

static void put_escaped(Text *text, const char *at, size_t len)
{
    size_t plain = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)at[i];
        char escape[8];
        size_t take = 1;
        if (byte == '"' || byte == '\\')
            snprintf(escape, sizeof escape, "\\%c", byte);
        else if (byte == '\n')
            strcpy(escape, "\\n");
        else if (byte < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", byte);
        else if (is_surrogate(at + i, len - i)) {
            strcpy(escape, "\xEF\xBF\xBD");
            take = 3;
        } else
            continue;
        text_put(text, at + plain, i - plain);
        text_puts(text, escape);
        i += take - 1;
        plain = i + 1;
    }
    text_put(text, at + plain, len - plain);
}

/* A JSON string of at most about `most` bytes: the head and the tail of what is longer. */
void text_json(Text *text, const char *wtf8, size_t len, size_t most)
{
    text_puts(text, "\"");
    if (len <= most) {
        put_escaped(text, wtf8, len);
    } else {
        size_t head = most / 2, tail = len - most / 2;
        while (head > 0 && ((uint8_t)wtf8[head] & 0xC0) == 0x80)
            head--;
        while (tail < len && ((uint8_t)wtf8[tail] & 0xC0) == 0x80)
            tail++;
        char gap[64];
        snprintf(gap, sizeof gap, "\\n… %zu bytes …\\n", tail - head);
        put_escaped(text, wtf8, head);
        text_puts(text, gap);
        put_escaped(text, wtf8 + tail, len - tail);
    }
    text_puts(text, "\"");
}
