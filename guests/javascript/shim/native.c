/* What the library is made of and the language does not have: output, randomness, time, UTF-8,
 * and the host. */
#include "shim.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((import_module("host"), import_name("call"))) int32_t host_call(
    const char *request, size_t len, uint8_t **answer, size_t *answer_len);

void native_seed(JSContext *ctx)
{
    uint64_t seed = 0;
    getentropy(&seed, sizeof seed);
    engine_seed(ctx, seed);
}

/* write(descriptor, text or bytes) */
static JSValue write_output(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    int32_t fd;
    size_t len;
    if (argc < 2 || JS_ToInt32(ctx, &fd, argv[0]))
        return JS_EXCEPTION;
    if (fd != 1 && fd != 2)
        return JS_ThrowRangeError(ctx, "not an output");
    if (JS_IsObject(argv[1])) {
        uint8_t *bytes = JS_GetUint8Array(ctx, &len, argv[1]);
        if (!bytes)
            return JS_EXCEPTION;
        output_write(fd, (char *)bytes, len);
        return JS_UNDEFINED;
    }
    const char *text = JS_ToCStringLen(ctx, &len, argv[1]);
    if (!text)
        return JS_EXCEPTION;
    if (memchr(text, 0xED, len))
        text_well_formed((char *)text, len);
    output_write(fd, text, len);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

/* fillRandom(uint8Array) */
static JSValue fill_random(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    uint8_t *bytes = argc > 0 ? JS_GetUint8Array(ctx, &len, argv[0]) : NULL;
    if (!bytes)
        return JS_EXCEPTION;
    for (size_t done = 0; done < len; done += 256)
        if (getentropy(bytes + done, len - done < 256 ? len - done : 256))
            return JS_ThrowInternalError(ctx, "there is no source of randomness");
    return JS_UNDEFINED;
}

/* clock(): milliseconds of a clock that never goes back */
static JSValue monotonic(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return JS_NewFloat64(ctx, (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6);
}

/* encode(text) -> Uint8Array of UTF-8 */
static JSValue encode(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    const char *text = argc > 0 ? JS_ToCStringLen(ctx, &len, argv[0]) : NULL;
    if (!text)
        return JS_EXCEPTION;
    JSValue array = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, len);
    JS_FreeCString(ctx, text);
    if (!JS_IsException(array)) {
        uint8_t *bytes = JS_GetUint8Array(ctx, &len, array);
        if (bytes && memchr(bytes, 0xED, len))
            text_well_formed((char *)bytes, len);
    }
    return array;
}

/* The length of the UTF-8 sequence at `at`; minus the bytes to replace if it is none. */
static int sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0], low = 0x80, high = 0xBF;
    int need;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        need = 1;
    else if (first >= 0xE0 && first <= 0xEF) {
        need = 2;
        low = first == 0xE0 ? 0xA0 : 0x80;
        high = first == 0xED ? 0x9F : 0xBF;
    } else if (first >= 0xF0 && first <= 0xF4) {
        need = 3;
        low = first == 0xF0 ? 0x90 : 0x80;
        high = first == 0xF4 ? 0x8F : 0xBF;
    } else
        return -1;
    for (int i = 1; i <= need; i++) {
        if ((size_t)i >= left || at[i] < low || at[i] > high)
            return -i;
        low = 0x80;
        high = 0xBF;
    }
    return need + 1;
}

/* decode(uint8Array, fatal) -> text; what is not UTF-8 becomes U+FFFD (WHATWG encoding, 8.1) */
static JSValue decode(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    uint8_t *bytes = argc > 0 ? JS_GetUint8Array(ctx, &len, argv[0]) : NULL;
    if (!bytes)
        return JS_EXCEPTION;
    bool fatal = argc > 1 && JS_ToBool(ctx, argv[1]);
    Text text = {0};
    size_t plain = 0, at = 0;
    while (at < len) {
        int took = sequence(bytes + at, len - at);
        if (took > 0) {
            at += (size_t)took;
            continue;
        }
        if (fatal) {
            text_free(&text);
            return JS_ThrowTypeError(ctx, "The encoded data was not valid for encoding utf-8");
        }
        text_put(&text, (char *)bytes + plain, at - plain);
        text_puts(&text, "\xEF\xBF\xBD");
        at += (size_t)-took;
        plain = at;
    }
    if (plain == 0)
        return JS_NewStringLen(ctx, (char *)bytes, len);
    text_put(&text, (char *)bytes + plain, len - plain);
    JSValue string = text.failed ? JS_ThrowOutOfMemory(ctx) : JS_NewStringLen(ctx, text.at, text.len);
    text_free(&text);
    return string;
}

/* incomplete(uint8Array): how many bytes at its end begin a sequence that is not complete */
static JSValue incomplete(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    uint8_t *bytes = argc > 0 ? JS_GetUint8Array(ctx, &len, argv[0]) : NULL;
    if (!bytes)
        return JS_EXCEPTION;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t byte = bytes[len - back];
        if ((byte & 0xC0) == 0x80)
            continue;
        int took = sequence(bytes + len - back, back);
        return JS_NewInt32(ctx, took < 0 && (size_t)-took == back && byte >= 0xC2 ? (int)back : 0);
    }
    return JS_NewInt32(ctx, 0);
}

/* latin1(uint8Array) -> text */
static JSValue latin1(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    uint8_t *bytes = argc > 0 ? JS_GetUint8Array(ctx, &len, argv[0]) : NULL;
    if (!bytes)
        return JS_EXCEPTION;
    uint16_t *wide = heap_alloc(len * 2 + 2);
    if (!wide)
        return JS_ThrowOutOfMemory(ctx);
    for (size_t i = 0; i < len; i++)
        wide[i] = bytes[i];
    JSValue string = JS_NewStringUTF16(ctx, wide, len);
    heap_free(wide);
    return string;
}

/* callHost(request) -> answer; undefined if nobody listens */
static JSValue call_host(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    const char *request = argc > 0 ? JS_ToCStringLen(ctx, &len, argv[0]) : NULL;
    if (!request)
        return JS_EXCEPTION;
    uint8_t *answer = NULL;
    size_t answer_len = 0;
    output_flush();
    bool refused_before = memory_refused;
    memory_refused = false;
    int32_t status = host_call(request, len, &answer, &answer_len);
    bool refused = memory_refused;
    memory_refused |= refused_before;
    JS_FreeCString(ctx, request);
    if (status == -1)
        return JS_UNDEFINED;
    if (status != 0 || !answer)
        return refused ? JS_ThrowOutOfMemory(ctx) : JS_ThrowInternalError(ctx, "the host could not answer");
    JSValue text = JS_NewStringLen(ctx, (char *)answer, answer_len);
    abi_release(answer);
    return text;
}

static JSValue parts(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    return argc > 0 ? engine_parts(ctx, argv[0]) : JS_UNDEFINED;
}

static JSValue memory_use(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    JSMemoryUsage usage;
    JS_ComputeMemoryUsage(runtime, &usage);
    return JS_NewInt64(ctx, usage.malloc_size);
}

static JSValue memory_size(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    return JS_NewFloat64(ctx, (double)__builtin_wasm_memory_size(0) * 65536);
}

static JSValue collect(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    JS_RunGC(runtime);
    return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("write", 2, write_output),      JS_CFUNC_DEF("fillRandom", 1, fill_random),
    JS_CFUNC_DEF("clock", 0, monotonic),         JS_CFUNC_DEF("encode", 1, encode),
    JS_CFUNC_DEF("decode", 2, decode),           JS_CFUNC_DEF("incomplete", 1, incomplete),
    JS_CFUNC_DEF("latin1", 1, latin1),           JS_CFUNC_DEF("callHost", 1, call_host),
    JS_CFUNC_DEF("parts", 1, parts),             JS_CFUNC_DEF("memoryUse", 0, memory_use),
    JS_CFUNC_DEF("memorySize", 0, memory_size),  JS_CFUNC_DEF("collect", 0, collect),
};

void native_install(JSContext *ctx, JSValue native)
{
    JS_SetPropertyFunctionList(ctx, native, functions, sizeof functions / sizeof *functions);
}
