/* Programs that become JavaScript first: a runtime of its own holds what translates them, so that no program reaches it,
 * breaks it, or pays for it when its own garbage is collected. Only an image that was given a translator has one. */
#include "shim.h"
#include <stdio.h>
#include <string.h>

/* What translations may leave behind before their garbage is looked for, which writes to all of the translator's memory. */
#define GARBAGE_BYTES (32 << 20)

static JSRuntime *own;
static JSContext *realm;
static JSValue translate;

static bool ends(const char *name, const char *ending)
{
    size_t len = strlen(name), ending_len = strlen(ending);
    return len >= ending_len && !strcmp(name + len - ending_len, ending);
}

bool translator_takes(const char *name)
{
    return own && !ends(name, ".js") && !ends(name, ".mjs") && !ends(name, ".cjs");
}

void translator_begin(void)
{
    if (own)
        JS_UpdateStackTop(own);
}

/* Throws in `ctx` what the translator threw in its own realm. */
static void rethrow(JSContext *ctx)
{
    JSValue error = JS_GetException(realm);
    JSValue name = JS_IsObject(error) ? JS_GetPropertyStr(realm, error, "name") : JS_UNDEFINED;
    const char *type = JS_IsString(name) ? JS_ToCString(realm, name) : NULL;
    const char *text = JS_IsObject(error) ? JS_ToCString(realm, error) : NULL;
    if (!text)
        JS_ThrowOutOfMemory(ctx);
    else if (type && !strcmp(type, "RangeError"))
        JS_ThrowRangeError(ctx, "the program is nested too deeply to be translated");
    else
        JS_ThrowInternalError(ctx, "the program could not be translated: %s", text);
    JS_FreeCString(realm, type);
    JS_FreeCString(realm, text);
    JS_FreeValue(realm, name);
    JS_FreeValue(realm, error);
}

/* Throws in `ctx` that a program is none: [message, line, column]. */
static void refuse(JSContext *ctx, JSValueConst refusal, const char *name)
{
    JSValue message = JS_GetPropertyUint32(realm, refusal, 0);
    int32_t line = 1, column = 1;
    JS_ToInt32(realm, &line, JS_GetPropertyUint32(realm, refusal, 1));
    JS_ToInt32(realm, &column, JS_GetPropertyUint32(realm, refusal, 2));
    const char *text = JS_ToCString(realm, message);
    JS_ThrowSyntaxError(ctx, "%s", text ? text : "this is no program");
    char where[4300];
    snprintf(where, sizeof where, "    at %s:%d:%d\n", name, (int)line, (int)column);
    JSValue error = JS_GetException(ctx);
    JS_DefinePropertyValueStr(ctx, error, "stack", JS_NewString(ctx, where), JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_Throw(ctx, error);
    JS_FreeCString(realm, text);
    JS_FreeValue(realm, message);
}

char *translator_run(JSContext *ctx, const char *source, size_t *len, const char *name)
{
    if (!own) {
        JS_ThrowSyntaxError(ctx, "%s is TypeScript: use the image `typescript`", name);
        return NULL;
    }
    JSValue text = JS_NewStringLen(realm, source, *len);
    JSValue result = JS_IsException(text) ? JS_EXCEPTION : JS_Call(realm, translate, JS_UNDEFINED, 1, (JSValueConst *)&text);
    JS_FreeValue(realm, text);
    char *translated = NULL;
    if (JS_IsString(result)) {
        const char *bytes = JS_ToCStringLen(realm, len, result);
        translated = bytes ? js_malloc(ctx, *len + 1) : NULL;
        if (translated)
            memcpy(translated, bytes, *len + 1);
        else if (!bytes)
            rethrow(ctx);
        JS_FreeCString(realm, bytes);
    } else if (JS_IsException(result)) {
        rethrow(ctx);
    } else {
        refuse(ctx, result, name);
    }
    JS_FreeValue(realm, result);
    return translated;
}

/* A script whose value is the function that translates. */
bool translator_install(JSContext *ctx, const char *source, size_t len)
{
    own = JS_NewRuntime2(&MEMORY, NULL);
    realm = JS_NewContext(own);
    JS_SetMaxStackSize(own, STACK_BYTES - STACK_MARGIN);
    translator_begin();
    translate = JS_Eval(realm, source, len, "<translator>", JS_EVAL_TYPE_GLOBAL);
    if (!JS_IsFunction(realm, translate)) {
        rethrow(ctx);
        return false;
    }
    JS_RunGC(own);
    JSMemoryUsage use;
    JS_ComputeMemoryUsage(own, &use);
    JS_SetGCThreshold(own, (size_t)use.malloc_size + GARBAGE_BYTES);
    return true;
}

/* translate(source, name) -> text */
static JSValue translate_text(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    const char *source = argc > 1 ? JS_ToCStringLen(ctx, &len, argv[0]) : NULL;
    const char *name = source ? JS_ToCString(ctx, argv[1]) : NULL;
    char *translated = name ? translator_run(ctx, source, &len, name) : NULL;
    JSValue text = translated ? JS_NewStringLen(ctx, translated, len) : JS_EXCEPTION;
    js_free(ctx, translated);
    JS_FreeCString(ctx, name);
    JS_FreeCString(ctx, source);
    return text;
}

/* translates() -> whether there is a translator */
static JSValue translates(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    return JS_NewBool(ctx, own != NULL);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("translate", 2, translate_text),
    JS_CFUNC_DEF("translates", 0, translates),
};

void translator_offer(JSContext *ctx, JSValue native)
{
    JS_SetPropertyFunctionList(ctx, native, functions, sizeof functions / sizeof *functions);
}
