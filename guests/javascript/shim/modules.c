/* ES modules: names are resolved by ../lib/modules.js, files come from the guest's tree. */
#include "shim.h"
#include <stdlib.h>
#include <string.h>

static char *copy(JSContext *ctx, const char *text)
{
    size_t len = strlen(text) + 1;
    char *copied = js_malloc(ctx, len);
    if (copied)
        memcpy(copied, text, len);
    return copied;
}

static char *normalize(JSContext *ctx, const char *base, const char *name, JSValueConst attributes, void *opaque)
{
    JSValue argv[] = { JS_NewString(ctx, base), JS_NewString(ctx, name), JS_DupValue(ctx, attributes) };
    JSValue resolved = hook("resolve", 3, (JSValueConst *)argv);
    for (int i = 0; i < 3; i++)
        JS_FreeValue(ctx, argv[i]);
    const char *text = JS_IsException(resolved) ? NULL : JS_ToCString(ctx, resolved);
    JS_FreeValue(ctx, resolved);
    char *copied = text ? copy(ctx, text) : NULL;
    if (text)
        JS_FreeCString(ctx, text);
    return copied;
}

/* A module whose exports are the properties of an object, which is its default export too. */
static int export_all(JSContext *ctx, JSModuleDef *module)
{
    JSValue object = JS_GetModulePrivateValue(ctx, module);
    JSPropertyEnum *names = NULL;
    uint32_t count = 0;
    int status = JS_SetModuleExport(ctx, module, "default", JS_DupValue(ctx, object));
    if (status < 0 || !JS_IsObject(object)) {
        JS_FreeValue(ctx, object);
        return status;
    }
    if (JS_GetOwnPropertyNames(ctx, &names, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) < 0)
        status = -1;
    for (uint32_t i = 0; status == 0 && i < count; i++) {
        const char *name = JS_AtomToCString(ctx, names[i].atom);
        JSValue value = JS_GetProperty(ctx, object, names[i].atom);
        if (!name || JS_IsException(value))
            status = -1;
        else if (strcmp(name, "default"))
            status = JS_SetModuleExport(ctx, module, name, value);
        else
            JS_FreeValue(ctx, value);
        if (name)
            JS_FreeCString(ctx, name);
    }
    if (names)
        JS_FreePropertyEnum(ctx, names, count);
    JS_FreeValue(ctx, object);
    return status;
}

static JSModuleDef *module_of(JSContext *ctx, const char *name, JSValue object)
{
    if (JS_IsException(object))
        return NULL;
    JSModuleDef *module = JS_NewCModule(ctx, name, export_all);
    if (!module || JS_AddModuleExport(ctx, module, "default") < 0) {
        JS_FreeValue(ctx, object);
        return NULL;
    }
    JSPropertyEnum *names = NULL;
    uint32_t count = 0;
    if (JS_IsObject(object) &&
        JS_GetOwnPropertyNames(ctx, &names, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) == 0) {
        for (uint32_t i = 0; i < count; i++) {
            const char *key = JS_AtomToCString(ctx, names[i].atom);
            if (key && strcmp(key, "default"))
                JS_AddModuleExport(ctx, module, key);
            if (key)
                JS_FreeCString(ctx, key);
        }
        JS_FreePropertyEnum(ctx, names, count);
    }
    JS_SetModulePrivateValue(ctx, module, object);
    return module;
}

static int export_default(JSContext *ctx, JSModuleDef *module)
{
    return JS_SetModuleExport(ctx, module, "default", JS_GetModulePrivateValue(ctx, module));
}

static JSModuleDef *json_module(JSContext *ctx, const char *name, const char *source, size_t len)
{
    JSValue value = JS_ParseJSON(ctx, source, len, name);
    if (JS_IsException(value))
        return NULL;
    JSModuleDef *module = JS_NewCModule(ctx, name, export_default);
    if (!module || JS_AddModuleExport(ctx, module, "default") < 0) {
        JS_FreeValue(ctx, value);
        return NULL;
    }
    JS_SetModulePrivateValue(ctx, module, value);
    return module;
}

static int set_meta(JSContext *ctx, JSModuleDef *module, const char *name)
{
    JSValue meta = JS_GetImportMeta(ctx, module);
    if (JS_IsException(meta))
        return -1;
    JSValue argv[] = { meta, JS_NewString(ctx, name) };
    JSValue result = hook("describeModule", 2, (JSValueConst *)argv);
    JS_FreeValue(ctx, argv[1]);
    JS_FreeValue(ctx, meta);
    bool failed = JS_IsException(result);
    JS_FreeValue(ctx, result);
    return failed ? -1 : 0;
}

/* Compiles a module; its dependencies are loaded. */
JSValue modules_compile(JSContext *ctx, const char *source, size_t len, const char *name)
{
    JSValue compiled = JS_Eval(ctx, source, len, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(compiled))
        return compiled;
    if (set_meta(ctx, JS_VALUE_GET_PTR(compiled), name) < 0) {
        JS_FreeValue(ctx, compiled);
        return JS_EXCEPTION;
    }
    return compiled;
}

static JSModuleDef *load_source(JSContext *ctx, const char *name, const char *source, size_t len, bool is_json)
{
    if (is_json)
        return json_module(ctx, name, source, len);
    JSValue compiled = modules_compile(ctx, source, len, name);
    if (JS_IsException(compiled))
        return NULL;
    JSModuleDef *module = JS_VALUE_GET_PTR(compiled);
    JS_FreeValue(ctx, compiled);
    return module;
}

/* `hooks.load` says what a name is: an object (built in, or CommonJS), or source text. */
static JSModuleDef *load(JSContext *ctx, const char *name, void *opaque, JSValueConst attributes)
{
    JSValue argv[] = { JS_NewString(ctx, name), JS_DupValue(ctx, attributes) };
    JSValue loaded = hook("load", 2, (JSValueConst *)argv);
    JS_FreeValue(ctx, argv[0]);
    JS_FreeValue(ctx, argv[1]);
    if (JS_IsException(loaded))
        return NULL;
    JSValue object = JS_GetPropertyStr(ctx, loaded, "object");
    JSValue source = JS_GetPropertyStr(ctx, loaded, "source");
    JSValue is_json = JS_GetPropertyStr(ctx, loaded, "json");
    JSModuleDef *module = NULL;
    if (JS_IsString(source)) {
        size_t len;
        const char *text = JS_ToCStringLen(ctx, &len, source);
        if (text) {
            module = load_source(ctx, name, text, len, JS_ToBool(ctx, is_json));
            JS_FreeCString(ctx, text);
        }
        JS_FreeValue(ctx, object);
    } else {
        module = module_of(ctx, name, object);
    }
    JS_FreeValue(ctx, source);
    JS_FreeValue(ctx, loaded);
    return module;
}

/* evaluate(source, name): the value of a script */
static JSValue evaluate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    size_t len;
    const char *source = argc > 1 ? JS_ToCStringLen(ctx, &len, argv[0]) : NULL;
    const char *name = source ? JS_ToCString(ctx, argv[1]) : NULL;
    JSValue result = name ? JS_Eval(ctx, source, len, name, JS_EVAL_TYPE_GLOBAL) : JS_EXCEPTION;
    if (name)
        JS_FreeCString(ctx, name);
    if (source)
        JS_FreeCString(ctx, source);
    return result;
}

/* forgetModules(prefix) */
static JSValue forget_modules(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    const char *prefix = argc > 0 ? JS_ToCString(ctx, argv[0]) : NULL;
    if (!prefix)
        return JS_EXCEPTION;
    engine_forget_modules(ctx, prefix);
    JS_FreeCString(ctx, prefix);
    return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("evaluate", 2, evaluate),
    JS_CFUNC_DEF("forgetModules", 1, forget_modules),
};

void modules_install(JSContext *ctx, JSValue native)
{
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_SetModuleLoaderFunc2(rt, NULL, load, NULL, NULL);
    JS_SetModuleNormalizeFunc2(rt, normalize);
    JS_SetPropertyFunctionList(ctx, native, functions, sizeof functions / sizeof *functions);
}
