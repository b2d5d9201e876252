/* Answers: what came of a program, as JSON of at most `answer_bytes`. */
#include "shim.h"
#include <stdio.h>
#include <string.h>

/* Of a message or a traceback. */
#define TEXT_MOST (64 << 10)
/* What an answer has besides its parts. */
#define FRAME_BYTES 200
/* Freed when a program has failed, so that it can be told even if memory ran out. */
#define RESERVE_BYTES (32 << 10)

size_t answer_bytes = 1 << 20;

static struct {
    char *at;
    size_t len, cap;
    bool failed;
} answer;
static void *reserve;

static void put(const char *bytes, size_t len)
{
    if (answer.failed)
        return;
    if (len > answer.cap - answer.len) {
        size_t cap = (answer.len + len) * 2 + 256;
        char *at = heap_resize(answer.at, cap);
        if (!at) {
            answer.failed = true;
            return;
        }
        answer.at = at;
        answer.cap = cap;
    }
    memcpy(answer.at + answer.len, bytes, len);
    answer.len += len;
}

static void puts_(const char *text)
{
    put(text, strlen(text));
}

/* How many bytes a character has, as strict UTF-8 (RFC 3629); 0 where there is none. */
static size_t character(const uint8_t *at, size_t left)
{
    if (*at < 0x80)
        return 1;
    size_t bytes = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : 2;
    uint32_t code = *at & (0xFF >> (bytes + 1)), least[] = { 0x80, 0x800, 0x10000 };
    if (*at < 0xC2 || *at > 0xF4 || left < bytes)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3F);
    }
    return code < least[bytes - 2] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0 : bytes;
}

/* A JSON string of at most about `most` bytes. What is no UTF-8 becomes U+FFFD. */
static void put_text(const char *text, size_t len, size_t most)
{
    const uint8_t *at = (const uint8_t *)text;
    char escape[8];
    bool cut = len > most;
    if (cut)
        len = most;
    put("\"", 1);
    for (size_t i = 0; i < len;) {
        size_t bytes = character(at + i, len - i);
        if (bytes == 0)
            puts_("\xEF\xBF\xBD");
        else if (at[i] == '"' || at[i] == '\\')
            put(escape, (size_t)snprintf(escape, sizeof escape, "\\%c", at[i]));
        else if (at[i] < 0x20)
            put(escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", at[i]));
        else
            put(text + i, bytes);
        i += bytes ? bytes : 1;
    }
    puts_(cut ? "…\"" : "\"");
}

static void keep_reserve(void)
{
    if (!reserve)
        reserve = heap_alloc(RESERVE_BYTES);
}

void answer_begin(void)
{
    if (answer.failed || answer.cap > TEXT_MOST) {
        heap_free(answer.at);
        answer.at = NULL;
        answer.cap = 0;
        answer.failed = false;
    }
    answer.len = 0;
    put("\0\0\0\0", 4);
    keep_reserve();
}

/* The program's values are on the stack from `first` on. */
void answer_values(int first)
{
    int values = lua_gettop(lua) - first + 1;
    if (values == 0 || (values == 1 && lua_isnil(lua, first)))
        return;
    hook("present");
    lua_insert(lua, first);
    lua_pushinteger(lua, (lua_Integer)(answer_bytes - FRAME_BYTES));
    lua_insert(lua, first + 1);
    if (lua_pcall(lua, values + 1, 3, 0)) {
        puts_("{\"repr\":\"<value that cannot be shown>\"}");
        return;
    }
    size_t len;
    const char *text = lua_tolstring(lua, first + 1, &len);
    if (!text) /* a program may have got at the library */
        return;
    if (lua_toboolean(lua, first)) {
        puts_("{\"result\":");
        put(text, len);
    } else {
        puts_("{\"repr\":");
        put_text(text, len, answer_bytes / 2);
    }
    puts_(lua_toboolean(lua, first + 2) ? ",\"truncated\":true}" : "}");
}

static const char *type_of(int status)
{
    return status == LUA_ERRSYNTAX ? "SyntaxError" : status == LUA_ERRMEM ? "MemoryError" : "Error";
}

/* What a field of the described error holds, or the error itself where it was not described. */
static const char *part(const char *field, const char *otherwise, size_t *len)
{
    if (lua_istable(lua, -1)) {
        lua_pushstring(lua, field);
        lua_rawget(lua, -2);
        const char *text = lua_tolstring(lua, -1, len);
        lua_pop(lua, 1); /* the table keeps it */
        if (text)
            return text;
    } else if (!otherwise && lua_type(lua, -1) == LUA_TSTRING) {
        return lua_tolstring(lua, -1, len);
    }
    *len = strlen(otherwise ? otherwise : "not enough memory to describe the error");
    return otherwise ? otherwise : "not enough memory to describe the error";
}

/* The type, the message and the traceback of what is on top of the stack; also on standard error. */
void answer_raised(int status)
{
    heap_free(reserve);
    reserve = NULL;
    if (status == LUA_ERRMEM) {
        lua_gc(lua, LUA_GCCOLLECT);
        memory_refused = false;
    }
    if (status == LUA_ERRRUN) {
        hook("describe");
        lua_insert(lua, -2);
        lua_pcall(lua, 1, 1, 0);
    }
    size_t most = (answer_bytes - FRAME_BYTES) / 4, len;
    if (most > TEXT_MOST)
        most = TEXT_MOST;
    const char *text = part("type", type_of(status), &len);
    puts_("{\"raised\":{\"type\":");
    put_text(text, len, most);
    puts_(",\"message\":");
    text = part("message", NULL, &len);
    put_text(text, len, most);
    puts_(",\"traceback\":");
    text = part("traceback", NULL, &len);
    put_text(text, len, most);
    puts_("}}");
    fputs("lua: ", stderr);
    fwrite(text, 1, len < TEXT_MOST ? len : TEXT_MOST, stderr);
    fputc('\n', stderr);
    keep_reserve();
}

/* The answer as the host reads it. NULL if there was no memory for it. */
uint8_t *answer_finish(void)
{
    if (answer.failed || !answer.at)
        return NULL;
    uint32_t len = (uint32_t)(answer.len - 4);
    memcpy(answer.at, &len, 4);
    return (uint8_t *)answer.at;
}
