/* Answers: what came of a program, as JSON of at most `answer_bytes`. */
#include "shim.h"
#include <stdio.h>
#include <string.h>

/* Of a message or a traceback. */
#define TEXT_MOST (64 << 10)
/* What an answer has besides its parts. */
#define FRAME_BYTES 200

size_t answer_bytes = ANSWER_BYTES;
static Text answer;

static void put_string(JSValueConst value, size_t most)
{
    size_t len;
    const char *text = JS_ToCStringLen(context, &len, value);
    if (!text) {
        JS_FreeValue(context, JS_GetException(context));
        text_puts(&answer, "\"\"");
        return;
    }
    text_json(&answer, text, len, most);
    JS_FreeCString(context, text);
}

static JSValue item(JSValueConst list, uint32_t index)
{
    return JS_GetPropertyUint32(context, list, index);
}

/* When memory is out, QuickJS throws null. */
static void put_out_of_memory(void)
{
    static const char TEXT[] = "Uncaught InternalError: out of memory\n";
    text_puts(&answer, "{\"raised\":{\"type\":\"InternalError\",\"message\":\"out of memory\","
                       "\"traceback\":\"InternalError: out of memory\"}}");
    output_write(2, TEXT, sizeof TEXT - 1);
}

/* A property as text; NULL if there is none, or if reading it fails. */
static const char *text_of(JSValueConst value, const char *name)
{
    JSValue property = JS_GetPropertyStr(context, value, name);
    const char *text = JS_IsString(property) ? JS_ToCString(context, property) : NULL;
    JS_FreeValue(context, property);
    if (!text)
        JS_FreeValue(context, JS_GetException(context));
    return text;
}

/* Without the library, which a program can break by what it does to the prototypes of the language. */
static void put_plainly(JSValueConst error, size_t most)
{
    const char *type = JS_IsObject(error) ? text_of(error, "name") : NULL;
    const char *message = JS_IsObject(error) ? text_of(error, "message") : JS_IsSymbol(error) ? NULL : JS_ToCString(context, error);
    const char *stack = JS_IsObject(error) ? text_of(error, "stack") : NULL;
    JS_FreeValue(context, JS_GetException(context));
    Text traceback = {0};
    text_puts(&traceback, type ? type : "Error");
    text_puts(&traceback, ": ");
    text_puts(&traceback, message ? message : "what was thrown cannot be described");
    text_puts(&traceback, stack && *stack ? "\n" : "");
    text_puts(&traceback, stack ? stack : "");
    while (traceback.len > 0 && traceback.at[traceback.len - 1] == '\n')
        traceback.len--;
    const char *whole = traceback.failed ? "" : traceback.at;
    size_t len = traceback.failed ? 0 : text_well_formed(traceback.at, traceback.len);
    text_json(&answer, type ? type : "Error", type ? strlen(type) : 5, most);
    text_puts(&answer, ",\"message\":");
    text_json(&answer, message ? message : "", message ? strlen(message) : 0, most);
    text_puts(&answer, ",\"traceback\":");
    text_json(&answer, whole, len, most);
    text_puts(&answer, "}}");
    output_write(2, "Uncaught ", 9);
    output_write(2, whole, len < TEXT_MOST ? len : TEXT_MOST);
    output_write(2, "\n", 1);
    text_free(&traceback);
    JS_FreeCString(context, type);
    JS_FreeCString(context, message);
    JS_FreeCString(context, stack);
}

static JSValue describe(JSValueConst error, const Program *program)
{
    JSValue argv[] = {
        JS_DupValue(context, error),
        JS_NewString(context, program->name),
        program_is_syntax_error(error) ? JS_NewStringLen(context, program->source, program->len) : JS_UNDEFINED,
    };
    JSValue described = hook("describe", 3, (JSValueConst *)argv);
    for (int i = 0; i < 3; i++)
        JS_FreeValue(context, argv[i]);
    return described;
}

/* The type, the message and the traceback; also on standard error. */
static void put_raised(JSValueConst error, const Program *program)
{
    memory_use_reserve();
    size_t most = (answer_bytes - FRAME_BYTES) / 4 < TEXT_MOST ? (answer_bytes - FRAME_BYTES) / 4 : TEXT_MOST;
    JSValue described = describe(error, program);
    if (JS_IsException(described)) {
        JS_FreeValue(context, JS_GetException(context));
        JS_RunGC(runtime);
        described = describe(error, program);
    }
    if (memory_refused && (JS_IsNull(error) || JS_IsException(described))) {
        JS_FreeValue(context, JS_IsException(described) ? JS_GetException(context) : described);
        put_out_of_memory();
        return;
    }
    text_puts(&answer, "{\"raised\":{\"type\":");
    if (JS_IsException(described)) {
        JS_FreeValue(context, JS_GetException(context));
        put_plainly(error, most);
        return;
    }
    static const char *const KEYS[] = { "", ",\"message\":", ",\"traceback\":" };
    for (uint32_t i = 0; i < 3; i++) {
        JSValue part = item(described, i);
        text_puts(&answer, KEYS[i]);
        put_string(part, most);
        size_t len;
        const char *text = i == 2 ? JS_ToCStringLen(context, &len, part) : NULL;
        if (text) {
            text_well_formed((char *)text, len);
            output_write(2, "Uncaught ", 9);
            output_write(2, text, len < TEXT_MOST ? len : TEXT_MOST);
            output_write(2, "\n", 1);
            JS_FreeCString(context, text);
        }
        JS_FreeValue(context, part);
    }
    text_puts(&answer, "}}");
    JS_FreeValue(context, described);
}

/* `"result"` or `"repr"` of a value that is no number and no short string. */
static void put_object(JSValueConst value, size_t room)
{
    JSValue argv[] = { JS_DupValue(context, value), JS_NewInt64(context, (int64_t)room) };
    JSValue shown = hook("present", 2, (JSValueConst *)argv);
    JS_FreeValue(context, argv[0]);
    if (JS_IsException(shown)) {
        JS_FreeValue(context, JS_GetException(context));
        text_puts(&answer, "\"repr\":\"<value that cannot be shown>\"");
        return;
    }
    JSValue kind = item(shown, 0), text = item(shown, 1), cut = item(shown, 2);
    if (JS_ToBool(context, kind)) {
        size_t len;
        const char *json = JS_ToCStringLen(context, &len, text);
        text_puts(&answer, "\"result\":");
        text_put(&answer, json ? json : "null", json ? len : 4);
        if (json)
            JS_FreeCString(context, json);
    } else {
        text_puts(&answer, "\"repr\":");
        put_string(text, room / 2);
    }
    if (JS_ToBool(context, cut))
        text_puts(&answer, ",\"truncated\":true");
    JS_FreeValue(context, kind);
    JS_FreeValue(context, text);
    JS_FreeValue(context, cut);
    JS_FreeValue(context, shown);
}

static void put_value(JSValueConst value)
{
    char number[32];
    switch (JS_VALUE_GET_NORM_TAG(value)) {
    case JS_TAG_UNDEFINED:
    case JS_TAG_NULL:
        return;
    case JS_TAG_INT:
        snprintf(number, sizeof number, "\"result\":%d", (int)JS_VALUE_GET_INT(value));
        text_puts(&answer, number);
        return;
    case JS_TAG_BOOL:
        text_puts(&answer, JS_VALUE_GET_BOOL(value) ? "\"result\":true" : "\"result\":false");
        return;
    default:
        put_object(value, answer_bytes - FRAME_BYTES);
    }
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

void answer_begin(void)
{
    if (answer.failed || answer.cap > TEXT_MOST)
        text_free(&answer);
    answer.len = 0;
    text_put(&answer, "\0\0\0\0", 4);
}

void answer_put(Ran ran, const Program *program)
{
    char number[32];
    if (ran.kind == RAISED) {
        put_raised(ran.value, program);
    } else {
        size_t before = answer.len;
        text_puts(&answer, "{");
        if (ran.kind == VALUE)
            put_value(ran.value);
        if (ran.kind == EXITED || exit_code) {
            snprintf(number, sizeof number, "%s\"exit\":%u", answer.len > before + 1 ? "," : "", (unsigned)exit_code);
            text_puts(&answer, number);
        }
        if (answer.len > before + 1)
            text_puts(&answer, "}");
        else
            answer.len = before;
    }
    JS_FreeValue(context, ran.value);
    if (memory_refused)
        JS_RunGC(runtime);
    memory_keep_reserve();
}
